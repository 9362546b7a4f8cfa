-- Forget dead jobs for good; one that was opened again meanwhile is none, and stays.
-- KEYS: dead
-- ARGV: prefix, for how long it is remembered in ms that a job was tried, then the ids
-- Answers how many were forgotten.
local dropped = 0
for i = 3, #ARGV do
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
    local progress = ARGV[1] .. 'progress:' .. ARGV[i]
    local attempts = redis.call('HGET', progress, 'attempts')
    redis.call('DEL', ARGV[1] .. 'job:' .. ARGV[i], progress, ARGV[1] .. 'history:' .. ARGV[i])
    -- A worker may have made its event before it died: sent again, it is looked for.
    if attempts and attempts ~= '0' then
      redis.call('HSET', progress, 'attempts', attempts)
      redis.call('PEXPIRE', progress, ARGV[2])
    end
    dropped = dropped + 1
  end
end
return dropped
