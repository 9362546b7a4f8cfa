-- Open settled jobs again: dead ones, or done ones that shall run once more.
-- KEYS: dead, done
-- ARGV: prefix, entry, then for each job: id, new body or ""
-- Answers the ids that were opened.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local opened = {}
for at = 3, #ARGV, 2 do
  local id, body = ARGV[at], ARGV[at + 1]
  local key = ARGV[1] .. 'job:' .. id
  local job = redis.call('HMGET', key, 'state', 'queue', 'kind', 'door')
  if job[1] == 'dead' or job[1] == 'done' then
    redis.call('ZREM', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
    redis.call('HSET', key, 'state', 'accepted', 'lost', 0, 'tries', 0)
    redis.call('PERSIST', key)
    if body ~= '' then
      redis.call('SET', ARGV[1] .. 'body:' .. id, body)
    else
      redis.call('PERSIST', ARGV[1] .. 'body:' .. id)
    end
    local history = ARGV[1] .. 'history:' .. id
    redis.call('XADD', history, '*', 'state', 'accepted', 'entry', ARGV[2])
    redis.call('PERSIST', history)
    redis.call('ZADD', ARGV[1] .. 'due:' .. job[2], now, id)
    redis.call('HINCRBY', ARGV[1] .. 'counts', 'replayed:' .. job[3] .. ':' .. job[4], 1)
    opened[#opened + 1] = id
  end
end
return opened
