-- Find jobs that no index names, and put each back into that of its state; forget what is left of jobs that are gone.
-- An earlier version forgets done jobs by letting their keys expire, which those that were settled by this one do not.
-- KEYS: done, dead
-- ARGV: prefix, then ids
-- Answers how many jobs were put back, and of how many something was forgotten.
local done, dead, prefix = KEYS[1], KEYS[2], ARGV[1]
local MOST_HEAD, FOR_EVER, MOST_ARRIVED = 511, -1, 1000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function forget_rest_of(id)
  local names = {prefix .. 'progress:' .. id, prefix .. 'history:' .. id}
  local forgotten = 0
  for _, name in ipairs(names) do
    if redis.call('PTTL', name) == FOR_EVER then
      forgotten = redis.call('DEL', name)
    end
  end
  return forgotten
end

-- What came through the function waits in a list before a claim or a wake-up puts it into the index. Of a longer list
-- nothing is known; its jobs are looked at in a later round.
local lists = {}
local function may_have_arrived(id, queue)
  if not lists[queue] then
    local ids = redis.call('LRANGE', prefix .. 'arrived:' .. queue, 0, MOST_ARRIVED)
    lists[queue] = {is_long = #ids > MOST_ARRIVED}
    for _, each in ipairs(ids) do
      lists[queue][each] = true
    end
  end
  return lists[queue].is_long or lists[queue][id]
end

local function is_in_an_index(id, due)
  for _, index in ipairs({due, done, dead, prefix .. 'refused'}) do
    if redis.call('ZSCORE', index, id) then
      return true
    end
  end
  return false
end

-- By the time of its acceptance where it is done, as when it was done is no longer known.
local function put_back(id, due, mark, accepted)
  local state = mark == '+' and 'done' or redis.call('HGET', prefix .. 'progress:' .. id, 'state')
  if state == 'done' then
    redis.call('ZADD', done, accepted, id)
  elseif state == 'dead' then
    redis.call('ZADD', dead, now, id)
  elseif state == 'refused' then
    redis.call('ZADD', prefix .. 'refused', now, id)
  else
    redis.call('ZADD', due, now, id)
  end
end

local back, forgotten = 0, 0
for i = 2, #ARGV do
  local id = ARGV[i]
  local job = prefix .. 'job:' .. id
  local head = redis.call('GETRANGE', job, 0, MOST_HEAD)
  local mark, accepted, queue = string.match(head, '^(%+?)(%d+)\n[^\n]*\n([^\n]*)\n')
  if head == '' then
    forgotten = forgotten + forget_rest_of(id)
  elseif queue and redis.call('PTTL', job) == FOR_EVER and not is_in_an_index(id, prefix .. 'due:' .. queue)
      and not may_have_arrived(id, queue) then
    put_back(id, prefix .. 'due:' .. queue, mark, accepted)
    back = back + 1
  end
end
return {back, forgotten}
