-- Accept jobs of one queue: record, index and bell at once, or nothing at all.
-- KEYS: due, bells, counts
-- ARGV: prefix, most open jobs, most bells, bell, then for each job:
--       id, kind, queue, door, title, trace, digest, key, window in ms, body
-- Answers {"busy", open} or a pair {id, 1 new | 0 known | -1 the key was used for something else} for each job.
-- Reads no job's content, so that a user who may only accept needs no right to read.
local due, bells, counts = KEYS[1], KEYS[2], KEYS[3]
local prefix, most_open, most_bells, bell = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local FIRST, WIDTH = 5, 10

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local coming = (#ARGV - FIRST + 1) / WIDTH
local open = redis.call('ZCARD', due)
if open + coming > most_open then
  return {'busy', open}
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
