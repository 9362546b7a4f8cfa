-- Open the breaker of a service that is away, each time for longer, but never twice for one outage's same moment; or that
-- of a queue whose jobs, or one kind of them, can do nothing as things are set.
-- KEYS: the breaker
-- ARGV: first wait in ms, longest wait in ms, a random factor near 1, how long the service asked for in ms or -1,
--       reason, the token of the claim that found it away, and for a queue the kind of jobs that waits or ""
-- Answers for how many ms the jobs of that claim shall wait.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local first, longest, spread, asked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local LOOKED_AT_ANEW = 20

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
if ARGV[7] then
  -- From time to time all that is due is looked at anew, since Redis' clock may have been set back.
  if redis.call('HGET', KEYS[1], 'kind') ~= ARGV[7] or (failures + 1) % LOOKED_AT_ANEW == 0 then
    redis.call('HDEL', KEYS[1], 'passed')
  end
  redis.call('HSET', KEYS[1], 'kind', ARGV[7])
end
redis.call('HSETNX', KEYS[1], 'since', string.format('%d', now))
redis.call('HDEL', KEYS[1], 'probing', 'probe')
return till - now
