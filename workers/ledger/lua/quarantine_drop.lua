-- Forget items of the quarantine for good.
-- KEYS: quarantine, bytes of the quarantine
-- ARGV: prefix, then the ids
-- Answers how many there were.
local dropped = 0
for i = 2, #ARGV do
  local key = ARGV[1] .. 'quarantined:' .. ARGV[i]
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
    -- Bytes that were never counted are counted without it later.
    if redis.call('EXISTS', KEYS[2]) == 1 then
      redis.call('DECRBY', KEYS[2], redis.call('HSTRLEN', key, 'raw'))
    end
    dropped = dropped + 1
  end
  redis.call('DEL', key)
end
return dropped
