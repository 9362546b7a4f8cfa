-- Tell of firings whether each makes an event or joins that of its group; one that a group waits for is noted as its opener.
-- Asked again for the same job it answers the same, unless the group has come further meanwhile.
-- KEYS: groups, memory
-- ARGV: prefix, most groups, most memory in thousandths of maxmemory, window of a group in ms, for how long a group is kept
--       after that in ms, then for each firing: job's id, when it was accepted in ms, digest of its group or "", what the
--       group is called, firings that its source may send in a window (0: any number), that window in ms, digest and name of
--       the group of those above it, its source
-- Answers for each {verdict, 1: limited, the group's id, the event's id or the opener's, in how many ms to ask anew}:
--       open: it makes the group's event, or completes it where that is known;
--       alone: it makes an event of its own; full: the same, as no more groups are kept;
--       join: the event is there; wait: the opener makes it.
local groups, memory = KEYS[1], KEYS[2]
local prefix, most_groups, most_memory = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local window, kept = tonumber(ARGV[4]), tonumber(ARGV[5])
local FIRST, WIDTH = 6, 9

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- For so long others wait for an opener: while it is worked on, and at least and at most while it waits itself.
local WHILE_RUNNING_MS, LEAST_MS, MOST_MS = 1000, 500, 30000

-- The group that is open under a digest for what was accepted at a time.
local function join(digest, id, accepted)
  local group = redis.call('GET', prefix .. 'group:' .. digest)
  local key = group and prefix .. 'grouped:' .. group
  local till, event, opener = unpack(key and redis.call('HMGET', key, 'until', 'event', 'opener') or {})
  if not till or accepted >= tonumber(till) then
    return nil
  elseif opener == id then
    return {'open', group, event or ''}
  elseif event then
    return {'join', group, event}
  end
  local state = redis.call('HGET', prefix .. 'progress:' .. opener, 'state')
  if state == 'running' then
    return {'wait', group, opener, WHILE_RUNNING_MS}
  elseif state == 'accepted' or state == 'waiting' then
    local again = (redis.call('ZSCORE', prefix .. 'due:events', opener) or now) - now
    return {'wait', group, opener, math.floor(math.min(math.max(again, LEAST_MS), MOST_MS))}
  end
  -- The opener died: this one takes its place.
  redis.call('HSET', key, 'opener', id)
  return {'open', group, ''}
end

-- Of the groups of limited firings there may be any number: each stands for more events than it costs.
local function is_full(limited)
  redis.call('ZREMRANGEBYSCORE', groups, '-inf', now)
  return limited == 0 and redis.call('ZCARD', groups) >= most_groups or memory_in_use(memory) > most_memory
end

local function open(digest, id, accepted, label, source, limited)
  if is_full(limited) then
    return {'full', '', ''}
  end
  local group, till = id, accepted + window
  if redis.call('EXISTS', prefix .. 'grouped:' .. group) == 1 then
    -- Done once more, a job may open another group than before; what counted in that stays there.
    group = string.sub(redis.sha1hex(id .. digest .. now), 1, 24)
  end
  local key, ends = prefix .. 'grouped:' .. group, math.max(till, now) + kept
  redis.call('SET', prefix .. 'group:' .. digest, group, 'PXAT', string.format('%d', ends))
  redis.call('HSET', key, 'opener', id, 'until', string.format('%d', till), 'digest', digest, 'label', label, 'source',
    source, 'since', string.format('%d', accepted), 'limited', limited, 'kept', string.format('%d', kept))
  redis.call('PEXPIREAT', key, string.format('%d', ends))
  redis.call('ZADD', groups, ends, group)
  if limited == 1 then
    redis.call('ZREMRANGEBYSCORE', groups .. ':limited', '-inf', now)
    redis.call('ZADD', groups .. ':limited', till, group)
  end
  return {'open', group, ''}
end

-- Whether a firing is one of those that its source may send in its window; each counts once, however often it is tried.
local function is_let_through(id, accepted, most, length, digest)
  local number = math.floor(accepted / length)
  local key = prefix .. 'limit:' .. digest .. ':' .. string.format('%d', number)
  if redis.call('SISMEMBER', key, id) == 1 then
    return true
  elseif redis.call('SCARD', key) >= most then
    return false
  end
  redis.call('SADD', key, id)
  redis.call('PEXPIREAT', key, string.format('%d', math.max((number + 1) * length, now) + kept))
  return true
end

local function enter(id, accepted, digest, label, most, length, over, over_label, source)
  accepted = tonumber(accepted)
  local answer = digest ~= '' and join(digest, id, accepted)
  if answer then
    return answer, 0
  elseif most ~= '0' and not is_let_through(id, accepted, tonumber(most), tonumber(length), over) then
    return join(over, id, accepted) or open(over, id, accepted, over_label, source, 1), 1
  elseif digest ~= '' then
    return open(digest, id, accepted, label, source, 0), 0
  end
  return {'alone', '', ''}, 0
end

local answers = {}
for at = FIRST, #ARGV, WIDTH do
  local answer, limited = enter(unpack(ARGV, at, at + WIDTH - 1))
  answers[#answers + 1] = {answer[1], limited, answer[2], answer[3], answer[4] or 0}
end
return answers
