-- Make jobs ready that wait for a service, without waiting any longer, and let the next job ask services that are away.
-- KEYS: due, then the breakers of these services
-- ARGV: prefix, service or "" for whatever they wait for, how many of the jobs that are not ready have been looked at, how many to look at
-- Answers how many were looked at, and how many of them are ready now.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local mark = ARGV[2] == '' and '' or '"service":"' .. ARGV[2] .. '"'

for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    redis.call('HSET', KEYS[i], 'until', string.format('%d', now))
  end
end

local ids = redis.call('ZRANGEBYSCORE', KEYS[1], string.format('(%d', now), '+inf', 'LIMIT', ARGV[3], ARGV[4])
local ready = 0
for _, id in ipairs(ids) do
  local progress = redis.call('HMGET', ARGV[1] .. 'progress:' .. id, 'state', 'lost', 'history')
  -- What lost its workers comes late on purpose, and one at a time.
  if progress[1] == 'waiting' and tonumber(progress[2] or 0) == 0 then
    local last = string.match(progress[3] or '', '([^\n]*)\n$') or ''
    if string.find(last, mark, 1, true) then
      redis.call('ZADD', KEYS[1], now, id)
      ready = ready + 1
    end
  end
end
return {#ids, ready}
