-- Note a worker's sign of life, or that it has ended; forget what has given none for long.
-- KEYS: workers
-- ARGV: prefix, name and instance, sign or "" for the end, for how long it is kept in ms, most workers
-- Redis' clock alone counts. Where it was set back, a sign of the future was given before: who lives gives one again at once.
local workers, prefix, member, sign = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local kept, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if sign == '' then
  redis.call('ZREM', workers, member)
  redis.call('DEL', prefix .. 'worker:' .. member)
else
  redis.call('ZADD', workers, now, member)
  redis.call('SET', prefix .. 'worker:' .. member, sign, 'PX', kept)
end
redis.call('ZREMRANGEBYSCORE', workers, '-inf', now - kept)
redis.call('ZREMRANGEBYSCORE', workers, now + 1000, '+inf')
redis.call('ZREMRANGEBYRANK', workers, 0, -most - 1)
redis.call('PEXPIRE', workers, kept)
return redis.call('ZCARD', workers)
