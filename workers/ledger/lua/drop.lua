-- Forget dead jobs for good; one that was opened again meanwhile is none, and stays.
-- KEYS: dead
-- ARGV: prefix, then the ids
-- Answers how many were forgotten.
local dropped = 0
for i = 2, #ARGV do
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
    redis.call('DEL', ARGV[1] .. 'job:' .. ARGV[i], ARGV[1] .. 'progress:' .. ARGV[i], ARGV[1] .. 'history:' .. ARGV[i])
    dropped = dropped + 1
  end
end
return dropped
