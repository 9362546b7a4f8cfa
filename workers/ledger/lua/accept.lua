-- Accept jobs of one queue: record, index and bell at once, or nothing at all.
-- KEYS: due, bells, counts, memory
-- ARGV: prefix, most open jobs, most bells, bell, most memory in thousandths of maxmemory, then for each job:
--       id, kind, queue, door, title, trace, digest, key, window in ms, body
-- Answers {"busy", open}, {"full", thousandths of maxmemory in use} or a pair {id, 1 new | 0 known | -1 the key was used for something else} for each job.
-- Reads no job's content, so that a user who may only accept needs no right to read.
local due, bells, counts, memory = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, most_open, most_bells, bell = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local most_memory = tonumber(ARGV[5])
local FIRST, WIDTH = 6, 10
local MEMORY_BELIEVED_MS = 2000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local coming = (#ARGV - FIRST + 1) / WIDTH
local open = redis.call('ZCARD', due)
if open + coming > most_open then
  return {'busy', open}
end

-- INFO costs ten times what accepting costs, so its answer is believed for a while, whoever asked.
local function memory_in_use()
  local cached = redis.call('GET', memory)
  if cached then
    return tonumber(cached)
  end
  local info = redis.pcall('INFO', 'memory')
  -- A user without the right to INFO accepts until Redis itself says that it is full.
  local used, most = 0, 0
  if type(info) == 'string' then
    used = tonumber(string.match(info, '\nused_memory:(%d+)') or 0)
    most = tonumber(string.match(info, '\nmaxmemory:(%d+)') or 0)
  end
  local share = most > 0 and math.floor(used * 1000 / most) or 0
  redis.call('SET', memory, string.format('%d', share), 'PX', MEMORY_BELIEVED_MS)
  return share
end

local in_use = memory_in_use()
if in_use > most_memory then
  return {'full', in_use}
end

local function known(id, digest, key)
  if key ~= '' then
    local first = redis.call('GET', prefix .. 'same:' .. key)
    if first then
      local first_id, first_digest = string.match(first, '^(%S+) (%S+)$')
      return first_id, (first_digest == digest) and 0 or -1
    end
  end
  if redis.call('EXISTS', prefix .. 'job:' .. id) == 1 then
    return id, 0
  end
end

local answers, rung = {}, nil
for at = FIRST, #ARGV, WIDTH do
  local id, kind, queue, door, title, trace, digest, key, window, body = unpack(ARGV, at, at + WIDTH - 1)
  local first, verdict = known(id, digest, key)
  if first then
    answers[#answers + 1] = {first, verdict}
  else
    redis.call('HSET', prefix .. 'job:' .. id, 'kind', kind, 'queue', queue, 'door', door, 'state', 'accepted',
      'title', title, 'trace', trace, 'at', now)
    redis.call('SET', prefix .. 'body:' .. id, body)
    redis.call('ZADD', due, now, id)
    redis.call('HINCRBY', counts, 'accepted:' .. kind .. ':' .. door, 1)
    rung = id
    answers[#answers + 1] = {id, 1}
  end
  if key ~= '' and verdict ~= -1 then
    redis.call('SET', prefix .. 'same:' .. key, (first or id) .. ' ' .. digest, 'PX', window, 'NX')
  end
end

if rung and redis.call('LLEN', bells) < most_bells then
  redis.call('LPUSH', bells, (string.gsub(bell, '@bell@', rung)))
end
return answers
