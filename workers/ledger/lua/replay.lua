-- Open settled jobs again: dead or refused ones, or done ones that shall run once more.
-- KEYS: dead, done
-- ARGV: prefix, entry, then for each job: id, new body or ""
-- Answers the ids that were opened.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local opened = {}
for at = 3, #ARGV, 2 do
  local id, body = ARGV[at], ARGV[at + 1]
  local job, key, history = ARGV[1] .. 'job:' .. id, ARGV[1] .. 'progress:' .. id, ARGV[1] .. 'history:' .. id
  local state, record = redis.call('HGET', key, 'state'), redis.call('GET', job)
  local head, kind, queue, producer = string.match(record or '',
    '^(%d+\n([^ \n]*)[^\n]*\n([^\n]*)\n([^ \n]*)[^\n]*\n[^\n]*\n[^\n]*\n)')
  if head and (state == 'dead' or state == 'done' or state == 'refused') then
    redis.call('ZREM', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZREM', ARGV[1] .. 'refused', id)
    redis.call('HSET', key, 'state', 'accepted', 'lost', 0, 'tries', 0, 'strikes', 0)
    note(key, now, 'accepted', ARGV[2])
    if body ~= '' then
      redis.call('SET', job, head .. body)
    end
    redis.call('PERSIST', job)
    redis.call('PERSIST', key)
    redis.call('PERSIST', history)
    redis.call('ZADD', ARGV[1] .. 'due:' .. queue, now, id)
    redis.call('HINCRBY', ARGV[1] .. 'counts', 'replayed:' .. kind .. ':' .. producer, 1)
    opened[#opened + 1] = id
  end
end
return opened
