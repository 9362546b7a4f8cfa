-- Release a lock, unless another process holds it.
-- KEYS: lock
-- ARGV: who
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
