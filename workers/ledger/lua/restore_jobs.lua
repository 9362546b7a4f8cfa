-- Put jobs of a backup back, each in the index of its state; one that is there, or has a marker, stays as it is.
-- KEYS: done, dead, refused
-- ARGV: prefix, then for each job: id, record, its index, its score there, when it expires in ms or 0, how many words of
--       progress follow, and these
-- Answers how many were put back.
local INDEX = {done = KEYS[1], dead = KEYS[2], refused = KEYS[3]}
local MOST_HEAD = 511
local prefix, at, back = ARGV[1], 2, 0

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A worker had it when the backup was made: its attempt stays counted, so that the next one looks for what it left.
local function let_go(key)
  if redis.call('HGET', key, 'state') == 'running' then
    redis.call('HSET', key, 'state', 'waiting')
    redis.call('HDEL', key, 'lease')
    redis.call('HSETNX', key, 'since', string.format('%d', now))
    return true
  end
end

local function put_into_index(id, record, key, index, score, expires)
  if INDEX[index] then
    redis.call('ZADD', INDEX[index], score, id)
    -- That of the refused lives as long as the last one of them.
    if index == 'refused' and tonumber(expires) > redis.call('PEXPIRETIME', INDEX[index]) then
      redis.call('PEXPIREAT', INDEX[index], expires)
    end
    return
  end
  local queue = string.match(string.sub(record, 1, MOST_HEAD), '^%d+\n[^\n]*\n([^\n]*)\n')
  local due = let_go(key) and now or score
  if queue then
    redis.call('ZADD', prefix .. 'due:' .. queue, due, id)
  end
end

while at <= #ARGV do
  local id, record, index, score, expires, words = unpack(ARGV, at, at + 5)
  local job, key = prefix .. 'job:' .. id, prefix .. 'progress:' .. id
  local first, last = at + 6, at + 5 + tonumber(words)
  local is_over = tonumber(expires) > 0 and tonumber(expires) <= now
  if not is_over and redis.call('EXISTS', job) == 0 and not marker_of(prefix, id) then
    redis.call('SET', job, record)
    redis.call('DEL', key)
    if last >= first then
      redis.call('HSET', key, unpack(ARGV, first, last))
    end
    put_into_index(id, record, key, index, score, expires)
    if tonumber(expires) > 0 then
      redis.call('PEXPIREAT', job, expires)
      redis.call('PEXPIREAT', key, expires)
    end
    back = back + 1
  end
  at = last + 1
end
return back
