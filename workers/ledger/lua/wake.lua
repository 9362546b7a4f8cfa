-- Wake a queue that has ready jobs, unless enough wake-ups wait or the queue may not be worked on.
-- KEYS: due, wake-ups, paused, then the breakers of the services that the queue's work needs, and its own
-- ARGV: queue, most wake-ups, jobs a wake-up, wake-up, prefix
-- Answers how many wake-ups were added.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
take_over_arrivals(ARGV[5], ARGV[1], KEYS[1], now)
if redis.call('SISMEMBER', KEYS[3], ARGV[1]) == 1 then
  return 0
end
local from = '-inf'
for i = 4, #KEYS do
  local till, kind, passed = unpack(redis.call('HMGET', KEYS[i], 'until', 'kind', 'passed'))
  if till and tonumber(till) > now then
    if not kind or kind == '' then
      return 0
    end
    -- Only one kind of jobs waits; what has not been looked at may hold others.
    from = passed and '(' .. passed or from
  end
end
local ready = redis.call('ZCOUNT', KEYS[1], from, now)
local wanted = math.min(tonumber(ARGV[2]), math.ceil(ready / ARGV[3])) - redis.call('LLEN', KEYS[2])
for i = 1, wanted do
  local id = 'ring-' .. ARGV[1] .. '-' .. string.format('%d', now) .. '-' .. i
  redis.call('LPUSH', KEYS[2], (string.gsub(ARGV[4], '@wake_up@', id)))
end
return math.max(wanted, 0)
