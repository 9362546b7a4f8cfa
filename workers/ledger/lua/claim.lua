-- Claim what is ready in one queue, oldest first, until the lease ends.
-- KEYS: due, paused, dead, counts, then the breakers of the services that the queue's work needs
-- ARGV: prefix, queue, most jobs, lease in ms, token, how often a job may lose its worker
-- Answers a row for each job: id, kind, door, title, trace, accepted at, attempts, lost, body.
local due, paused, dead, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, queue, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local lease, token, most_lost = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if redis.call('SISMEMBER', paused, queue) == 1 then
  return {}
end
for i = 5, #KEYS do
  local till = redis.call('HGET', KEYS[i], 'until')
  if till then
    if tonumber(till) > now then
      return {}
    end
    -- The service was away: one job goes ahead as a probe, the others wait for what becomes of it.
    most = 1
  end
end

local function bury(id, job, lost)
  local entry = cjson.encode({reason = 'it lost its worker ' .. lost .. ' times: whatever works on it is killed',
    error = 'WorkerLost'})
  redis.call('HSET', prefix .. 'job:' .. id, 'state', 'dead', 'lost', lost)
  redis.call('HDEL', prefix .. 'job:' .. id, 'lease')
  redis.call('ZREM', due, id)
  redis.call('ZADD', dead, now, id)
  redis.call('XADD', prefix .. 'history:' .. id, '*', 'state', 'dead', 'entry', entry)
  redis.call('HINCRBY', counts, 'dead:' .. job[1] .. ':' .. job[2], 1)
end

local claimed = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most)) do
  local key = prefix .. 'job:' .. id
  local job = redis.call('HMGET', key, 'kind', 'door', 'title', 'trace', 'at', 'state', 'lost', 'tries')
  local lost, tries = tonumber(job[7] or 0), tonumber(job[8] or 0)
  if not job[1] then
    redis.call('ZREM', due, id)
  elseif job[6] == 'running' and lost + 1 >= most_lost then
    bury(id, job, lost + 1)
  else
    if job[6] == 'running' then
      lost = redis.call('HINCRBY', key, 'lost', 1)
    end
    -- A job under suspicion goes alone, so that it cannot take others with it.
    local alone = lost > 0 or tries > 1
    if alone and #claimed > 0 then
      redis.call('HSET', key, 'state', 'waiting')
    else
      redis.call('HSET', key, 'state', 'running', 'lease', token)
      local attempts = redis.call('HINCRBY', key, 'attempts', 1)
      redis.call('ZADD', due, now + lease, id)
      claimed[#claimed + 1] = {id, job[1], job[2], job[3], job[4], job[5], attempts, lost,
        redis.call('GET', prefix .. 'body:' .. id)}
      if alone then
        break
      end
    end
  end
end

if #claimed > 0 then
  for i = 5, #KEYS do
    if redis.call('EXISTS', KEYS[i]) == 1 then
      redis.call('HSET', KEYS[i], 'until', now + lease, 'probing', 1)
    end
  end
end
return claimed
