-- What settled jobs change of the groups of firings that they belong to: gathered first, and written once for each group.
local touched = {}

-- Note what a job adds to its group, or what its event was told, and as what it is counted ("" for nothing); false where
-- the group is gone, so that it must be looked for anew. A job that is done again counts in a group once.
local function touch_group(prefix, progress, text)
  local change = cjson.decode(text)
  local group = touched[change.group]
  if not group then
    local key = prefix .. 'grouped:' .. change.group
    if redis.call('EXISTS', key) == 0 then
      return change.told and '' or false
    end
    group = {key = key, count = 0, more = 0, rank = 0, values = {}}
    touched[change.group] = group
  end
  if change.told then
    group.told, group.told_values, group.is_closed = change.told, change.told_values, change.is_closed
    group.update = change.update
    return ''
  end
  group.update, group.most = change.update, change.most
  group.event = group.event or change.event ~= 0 and change.event
  if redis.call('HGET', progress, 'grouped') == change.group then
    return ''
  end
  redis.call('HSET', progress, 'grouped', change.group)
  group.count, group.more = group.count + 1, group.more + change.more
  group.first = group.first and group.first < change.happened_at and group.first or change.happened_at
  group.last = group.last and group.last > change.happened_at and group.last or change.happened_at
  if (change.rank or 0) > group.rank then
    group.rank, group.severity = change.rank, change.severity
  end
  for _, value in ipairs(change.values) do
    group.values[value] = (group.values[value] or 0) + 1
  end
  return change.limited and 'limited' or change.event == 0 and 'joined' or ''
end

-- Count the values; of more than may be kept, only how often one of them came.
local function add_values(group)
  local key = group.key .. ':values'
  local kept = redis.call('HLEN', key)
  for value, times in pairs(group.values) do
    if redis.call('HEXISTS', key, value) == 1 then
      redis.call('HINCRBY', key, value, times)
    elseif kept < group.most then
      redis.call('HSET', key, value, times)
      kept = kept + 1
    else
      group.more = group.more + times
    end
  end
end

local function add_firings(group)
  local first, last, rank = unpack(redis.call('HMGET', group.key, 'first', 'last', 'rank'))
  if not first or group.first < first then
    redis.call('HSET', group.key, 'first', group.first)
  end
  if not last or group.last > last then
    redis.call('HSET', group.key, 'last', group.last)
  end
  if group.rank > tonumber(rank or 0) then
    redis.call('HSET', group.key, 'rank', group.rank, 'severity', group.severity)
  end
  redis.call('HINCRBY', group.key, 'count', group.count)
  add_values(group)
  if group.more > 0 then
    redis.call('HINCRBY', group.key, 'more', group.more)
  end
end

-- An event is made for one firing, and made anew where it was gone.
local function note_event(group)
  local event = string.format('%d', group.event)
  if redis.call('HGET', group.key, 'event') ~= event then
    redis.call('HSET', group.key, 'event', event, 'told', 1, 'told_values', 0)
  end
end

-- A group that firings join lives on; one whose event is gone from ThreatQ is found no more.
local function live_on(prefix, group, id, now)
  local till, kept, digest = unpack(redis.call('HMGET', group.key, 'until', 'kept', 'digest'))
  local ends = string.format('%d', math.max(tonumber(till), now) + tonumber(kept))
  for _, key in ipairs({group.key, group.key .. ':values', prefix .. 'group:' .. digest}) do
    redis.call('PEXPIREAT', key, ends)
  end
  redis.call('ZADD', prefix .. 'groups', 'XX', ends, id)
  if group.is_closed then
    redis.call('DEL', prefix .. 'group:' .. digest)
  end
end

-- Write what was gathered, and when each event must be told of firings that it does not know of.
local function write_groups(prefix, now)
  for id, group in pairs(touched) do
    if group.count > 0 then
      add_firings(group)
    end
    if group.event then
      note_event(group)
    end
    if group.told then
      redis.call('HSET', group.key, 'told', group.told, 'told_values', group.told_values)
      redis.call('ZREM', prefix .. 'groups:due', id)
    end
    live_on(prefix, group, id, now)
    local count, told, event = unpack(redis.call('HMGET', group.key, 'count', 'told', 'event'))
    if event and not group.is_closed and tonumber(count or 0) > tonumber(told or 0) then
      redis.call('ZADD', prefix .. 'groups:due', 'NX', now + group.update, id)
    end
  end
end
