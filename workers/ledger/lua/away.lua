-- Open the breaker of a service that is away, each time for longer, but never twice for one outage's same moment.
-- KEYS: the breaker
-- ARGV: first wait in ms, longest wait in ms, a random factor near 1, how long the service asked for in ms or -1,
--       reason
-- Answers for how many ms nobody calls the service.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local first, longest, spread, asked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local till = tonumber(redis.call('HGET', KEYS[1], 'until') or 0)
local failures = tonumber(redis.call('HGET', KEYS[1], 'failures') or 0)
local probing = redis.call('HGET', KEYS[1], 'probing')
if till > now and not probing and asked < 0 then
  return till - now
end
local wait = math.min(longest, first * 2 ^ math.min(failures, 20)) * spread
if asked >= 0 then
  wait = math.max(wait, asked)
end
till = math.max(now + math.floor(wait), probing and 0 or till)
redis.call('HSET', KEYS[1], 'until', string.format('%d', till), 'failures', failures + 1, 'reason', ARGV[5])
redis.call('HSETNX', KEYS[1], 'since', string.format('%d', now))
redis.call('HDEL', KEYS[1], 'probing')
return till - now
