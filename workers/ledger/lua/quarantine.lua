-- Keep what a producer could not read, all of it or nothing.
-- KEYS: quarantine, counts
-- ARGV: prefix, most items, then for each item: id, producer, source, code, reason, raw
-- Answers {"busy", how many are kept} or the ids, in order.
local prefix, most = ARGV[1], tonumber(ARGV[2])
local FIRST, WIDTH = 3, 6

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local kept = redis.call('ZCARD', KEYS[1])
if kept + (#ARGV - FIRST + 1) / WIDTH > most then
  return {'busy', kept}
end

local ids = {}
for at = FIRST, #ARGV, WIDTH do
  local id, producer, source, code, reason, raw = unpack(ARGV, at, at + WIDTH - 1)
  local key = prefix .. 'quarantined:' .. id
  if redis.call('HINCRBY', key, 'times', 1) == 1 then
    redis.call('HSET', key, 'door', producer, 'source', source, 'code', code, 'reason', reason, 'raw', raw, 'at', now)
    redis.call('ZADD', KEYS[1], now, id)
    redis.call('HINCRBY', KEYS[2], 'quarantined:events.create:' .. producer, 1)
  end
  ids[#ids + 1] = id
end
return ids
