-- Hold a lock, extend it, or take it over from a holder that is known to have ended.
-- KEYS: lock
-- ARGV: who, seconds, a holder that has ended or ""
-- Answers who holds it now.
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[1] or holder == ARGV[3] then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
  return ARGV[1]
end
return holder
