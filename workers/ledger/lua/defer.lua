-- Let messages wait in a sorted set.
-- KEYS: the sorted set
-- ARGV: for each message: the message, for how long in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for at = 1, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], string.format('%d', now + ARGV[at + 1]), ARGV[at])
end
