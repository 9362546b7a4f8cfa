-- Keep what a producer could not read, all of it or nothing.
-- KEYS: quarantine, bytes of the quarantine, counts, memory
-- ARGV: prefix, most items, most bytes, most memory in thousandths of maxmemory or -1 for any, then for each item:
--       id, producer, source, code, reason, raw, mapping ("": none was named)
-- Answers {"busy", items, bytes}, {"full", thousandths of maxmemory in use} or the ids, in order.
local quarantine, total, counts, memory = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, most, most_bytes, most_memory = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local FIRST, WIDTH = 5, 7

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Earlier versions did not count bytes: they are counted once.
local function bytes_kept()
  local bytes = redis.call('GET', total)
  if not bytes then
    bytes = 0
    for _, id in ipairs(redis.call('ZRANGE', quarantine, 0, -1)) do
      bytes = bytes + redis.call('HSTRLEN', prefix .. 'quarantined:' .. id, 'raw')
    end
    redis.call('SET', total, string.format('%d', bytes))
  end
  return tonumber(bytes)
end

local in_use = most_memory >= 0 and memory_in_use(memory) or 0
if most_memory >= 0 and in_use > most_memory then
  return {'full', in_use}
end

local fresh, fresh_bytes, ids = {}, 0, {}
for at = FIRST, #ARGV, WIDTH do
  local id = ARGV[at]
  ids[#ids + 1] = id
  if not fresh[id] and redis.call('EXISTS', prefix .. 'quarantined:' .. id) == 0 then
    fresh[id], fresh[#fresh + 1], fresh_bytes = true, id, fresh_bytes + #ARGV[at + 5]
  end
end

local items, bytes = redis.call('ZCARD', quarantine), bytes_kept()
if #fresh > 0 and (items + #fresh > most or bytes + fresh_bytes > most_bytes) then
  return {'busy', items, bytes}
end

for at = FIRST, #ARGV, WIDTH do
  local id, producer, source, code, reason, raw, mapping = unpack(ARGV, at, at + WIDTH - 1)
  local key = prefix .. 'quarantined:' .. id
  if redis.call('HINCRBY', key, 'times', 1) == 1 then
    redis.call('HSET', key, 'door', producer, 'source', source, 'code', code, 'reason', reason, 'raw', raw, 'at', now)
    if mapping ~= '' then
      redis.call('HSET', key, 'mapping', mapping)
    end
    redis.call('ZADD', quarantine, now, id)
    redis.call('INCRBY', total, #raw)
    redis.call('HINCRBY', counts, 'quarantined:events.create:' .. producer, 1)
  end
end
return ids
