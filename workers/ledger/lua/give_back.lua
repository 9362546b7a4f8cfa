-- Put messages that wait in a sorted set back to the old end of a list.
-- KEYS: the sorted set, the list
-- ARGV: most messages
-- Answers how many.
local messages = redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1)
for _, message in ipairs(messages) do
  redis.call('LPUSH', KEYS[2], message)
  redis.call('ZREM', KEYS[1], message)
end
return #messages
