-- Take over the jobs of every queue that came through the function, so that a list of open jobs shows them.
-- KEYS: due, one for each queue
-- ARGV: prefix, then the queues in the order of KEYS
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for at = 1, #KEYS do
  take_over_arrivals(ARGV[1], ARGV[at + 1], KEYS[at], now)
end
