-- Give a packed job its record and its progress back, unless it changed meanwhile.
-- KEYS: none
-- ARGV: prefix, id, packed, record, then the names and values of the progress
local job = ARGV[1] .. 'job:' .. ARGV[2]
if redis.call('GET', job) == ARGV[3] then
  redis.call('SET', job, ARGV[4])
  redis.call('HSET', ARGV[1] .. 'progress:' .. ARGV[2], unpack(ARGV, 5))
end
