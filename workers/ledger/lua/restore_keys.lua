-- Put keys of a backup back: what is there stays, and what is not is added, value by value.
-- KEYS: none
-- ARGV: for each part of a key: its name, kind, when it expires in ms or 0, 1: no more of it follows, where a stream is
--       gathered until then, how many words follow, and these
-- Answers how many parts changed something.
local MOST_AT_ONCE = 1000
local at, changed = 1, 0

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Lua cannot spread more than some thousand values over one call.
local function in_steps(first, last, step)
  for from = first, last, MOST_AT_ONCE do
    step(from, math.min(from + MOST_AT_ONCE - 1, last))
  end
end

-- What came since the backup was made goes behind what it holds; a stream that holds all of that already stays.
local function join(name, gathered)
  local last = redis.call('XREVRANGE', gathered, '+', '-', 'COUNT', 1)[1]
  if not last then
    return false
  end
  local live = redis.call('XRANGE', name, '-', '+')
  local ms, seq = string.match(last[1], '^(%d+)-(%d+)$')
  local first_ms, first_seq = string.match(live[1] and live[1][1] or '', '^(%d+)-(%d+)$')
  ms, seq, first_ms, first_seq = tonumber(ms), tonumber(seq), tonumber(first_ms), tonumber(first_seq)
  if first_ms and (first_ms < ms or first_ms == ms and first_seq <= seq) then
    redis.call('DEL', gathered)
    return false
  end
  for _, entry in ipairs(live) do
    redis.call('XADD', gathered, entry[1], unpack(entry[2]))
  end
  redis.call('RENAME', gathered, name)
  return true
end

local put = {}

function put.string(name, first)
  return redis.call('SET', name, ARGV[first], 'NX')
end

function put.hash(name, first, last)
  local added = 0
  for i = first, last, 2 do
    added = added + redis.call('HSETNX', name, ARGV[i], ARGV[i + 1])
  end
  return added > 0
end

function put.zset(name, first, last)
  in_steps(first, last, function(from, to)
    redis.call('ZADD', name, 'NX', unpack(ARGV, from, to))
  end)
  return true
end

local function adds(command)
  return function(name, first, last)
    in_steps(first, last, function(from, to)
      redis.call(command, name, unpack(ARGV, from, to))
    end)
    return true
  end
end

put.set = adds('SADD')
-- What was pushed since goes behind it, at either end.
put.list = adds('RPUSH')

function put.reversed(name, first, last)
  for i = last, first, -1 do
    redis.call('LPUSH', name, ARGV[i])
  end
  return true
end

function put.stream(name, first, last, gathered, is_last)
  local i = first
  while i <= last do
    local words = tonumber(ARGV[i + 1])
    redis.call('XADD', gathered, ARGV[i], unpack(ARGV, i + 2, i + 1 + words))
    i = i + 2 + words
  end
  return is_last and join(name, gathered)
end

local TYPE_OF = {reversed = 'list'}
local function is_of_another_type(name, kind)
  local there = redis.call('TYPE', name).ok
  return there ~= 'none' and there ~= (TYPE_OF[kind] or kind)
end

while at <= #ARGV do
  local name, kind, expires, is_last, gathered, words = unpack(ARGV, at, at + 5)
  local first, last = at + 6, at + 5 + tonumber(words)
  local is_over = tonumber(expires) > 0 and tonumber(expires) <= now
  if not is_over and put[kind] and not is_of_another_type(name, kind) then
    local is_new = redis.call('EXISTS', name) == 0
    local is_put = last >= first or kind == 'stream'
    if is_put and put[kind](name, first, last, gathered, is_last == '1') then
      changed = changed + 1
      if is_new and tonumber(expires) > 0 then
        redis.call('PEXPIREAT', name, expires)
      end
    end
  end
  at = last + 1
end
return changed
