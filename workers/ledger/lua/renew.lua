-- Renew the leases of claimed jobs.
-- KEYS: due
-- ARGV: prefix, token, lease in ms, then the ids
-- Answers the ids whose lease is no longer ours.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lost = {}
for i = 4, #ARGV do
  if redis.call('HGET', ARGV[1] .. 'progress:' .. ARGV[i], 'lease') == ARGV[2] then
    redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
