-- Renew the leases of claimed jobs.
-- KEYS: due
-- ARGV: prefix, token, lease in ms, the life of Redis in which they were claimed or "", then the ids
-- Answers the ids whose lease is no longer ours.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local prefix, token, lease, life = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- A Redis that went back to what it had on disk may have forgotten that another worker took a job over: what it says of
-- leases proves nothing about claims of an earlier life.
local function is_another_life()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%x+)') ~= life
end

local lost = {}
local forgotten = life ~= '' and is_another_life()
for i = 5, #ARGV do
  if not forgotten and redis.call('HGET', prefix .. 'progress:' .. ARGV[i], 'lease') == token then
    redis.call('ZADD', KEYS[1], now + lease, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
