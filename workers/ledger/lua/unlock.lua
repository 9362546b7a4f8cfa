-- Release a lock, unless somebody else holds it.
-- KEYS: lock
-- ARGV: who
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
