-- Open the breaker of a service that is away, each time for longer, but never twice for one outage's same moment.
-- KEYS: the breaker
-- ARGV: first wait in ms, longest wait in ms, a random factor near 1, how long the service asked for in ms or -1,
--       reason, the token of the claim that found it away
-- Answers for how many ms the jobs of that claim shall wait.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local first, longest, spread, asked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local breaker = redis.call('HMGET', KEYS[1], 'until', 'failures', 'probing')
local till, failures, probing = tonumber(breaker[1] or 0), tonumber(breaker[2] or 0), breaker[3]
local is_open = till > now
local wait = math.floor(math.min(longest, first * 2 ^ math.min(failures, 20)) * spread)
if is_open and asked < 0 and probing ~= ARGV[6] then
  -- Claimed before it opened: says nothing new. A probe that is under way decides how long the outage lasts.
  return probing and wait or till - now
end
if asked >= 0 then
  wait = math.max(wait, asked)
end
till = math.max(now + wait, probing and 0 or till)
redis.call('HSET', KEYS[1], 'until', string.format('%d', till), 'failures', failures + 1, 'reason', ARGV[5])
redis.call('HSETNX', KEYS[1], 'since', string.format('%d', now))
redis.call('HDEL', KEYS[1], 'probing', 'probe')
return till - now
