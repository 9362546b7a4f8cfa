-- Settle claimed jobs: done, dead, refused, waiting for another try (also as a suspect), deferred or interrupted without
-- counting a try, or given back.
-- KEYS: due, done, dead, counts, paused, then the breakers of the services that answered while the jobs were worked on,
--       then those of the other services that the queue's work needs; the queue's own is among them
-- ARGV: prefix, queue, token, how many services answered, then for each job: id, kind:producer and its
--       sender, what it shows when it is done or a digest of its content where it is dead, state, delay in ms, entry,
--       when it was accepted in ms, what it changes of a group of firings when it is done, as JSON, or ""
-- Answers 1 for each job that was ours to settle, 0 where another worker has the lease; last 1 if jobs are due by now.
local due, done, dead, counts, paused = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local prefix, queue, token = ARGV[1], ARGV[2], ARGV[3]
local answered = tonumber(ARGV[4])
local FIRST, WIDTH = 5, 8
local MINUTE_MS, MINUTES_KEPT_MS = 60000, 7200000
-- Of so many jobs at least, this share dead: the fault is elsewhere, and the rest shall not follow them.
local ENOUGH, TOO_MANY_DEAD = 50, 0.9
-- Beyond so many jobs each counts half as much, so that a good night does not hide a bad morning.
local REMEMBERED = 100
-- What one sender sends is no fault of the queue: it counts for so many deaths at most, and each content once.
local MOST_OF_ONE, BLAMED_MS = 20, 3600000
-- A sender of whom so many jobs were refused in a row waits before the next is accepted, each time for longer.
local PATIENCE, FIRST_WAIT_MS, LONGEST_WAIT_MS = 20, 1000, 60000
local MOST_SENDERS, SENDERS_KEPT_MS, MOST_REASON = 1000, 3600000, 300
-- What a job waits for whose group has expired before it could be counted in it.
local GROUP_GONE = '{"reason":"its group of firings is kept no more; it is looked for anew"}'
-- A refusal goes by itself after a day, or when so many came after it (workers/ledger/retention.py says the same).
local REFUSED_KEPT_MS, MOST_REFUSED = 86400000, 1000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local recent, suspended = prefix .. 'recent:' .. queue, prefix .. 'suspended:' .. queue
local is_suspended = redis.call('EXISTS', suspended) == 1
local was = redis.call('HMGET', recent, 'done', 'dead')
local fate = {done = tonumber(was[1] or 0), dead = tonumber(was[2] or 0)}

local settle = {}

function settle.done(id, key)
  redis.call('ZREM', due, id)
  redis.call('ZADD', done, now, id)
end

function settle.dead(id, key)
  redis.call('ZREM', due, id)
  redis.call('ZADD', dead, now, id)
end

-- An answer to who asked, which needs no operator.
function settle.refused(id, key)
  local refused, job, history = prefix .. 'refused', prefix .. 'job:', prefix .. 'history:'
  redis.call('ZREM', due, id)
  redis.call('ZADD', refused, now, id)
  redis.call('ZREMRANGEBYSCORE', refused, '-inf', now - REFUSED_KEPT_MS)
  if redis.call('ZCARD', refused) > MOST_REFUSED then
    local oldest = redis.call('ZPOPMIN', refused)[1]
    redis.call('DEL', job .. oldest, prefix .. 'progress:' .. oldest, history .. oldest)
  end
  for _, name in ipairs({refused, key, job .. id, history .. id}) do
    redis.call('PEXPIRE', name, REFUSED_KEPT_MS)
  end
end

function settle.waiting(id, key, delay)
  redis.call('HSET', key, 'lost', 0)
  redis.call('HINCRBY', key, 'tries', 1)
  redis.call('ZADD', due, now + delay, id)
end

-- The service failed while it worked on this one alone. That counts against the job where another one was done since it
-- counted last that shows the same: then the service was well. In an outage nothing is done, and nothing counts.
function settle.suspected(id, key, delay, shows)
  -- How many were ever done: unlike a clock it tells whether one was done since, however short ago.
  local ever = redis.call('HGET', recent, 'ever:' .. shows) or '0'
  if redis.call('HGET', key, 'struck') ~= ever then
    redis.call('HINCRBY', key, 'strikes', 1)
    redis.call('HSET', key, 'struck', ever)
  end
  settle.waiting(id, key, delay)
  return 'waiting'
end

function settle.accepted(id, key, delay)
  -- A worker that gives a job back has outlived it.
  redis.call('HSET', key, 'lost', 0)
  redis.call('HINCRBY', key, 'attempts', -1)
  redis.call('ZADD', due, now + delay, id)
end

function settle.deferred(id, key, delay)
  settle.accepted(id, key, delay)
  return 'waiting'
end

-- Its queue waits as a whole, so it keeps its place, and nothing is noted of it.
function settle.blocked(id, key)
  local accepted = string.match(redis.call('GETRANGE', prefix .. 'job:' .. id, 0, 20), '^%d+')
  settle.accepted(id, key, (tonumber(accepted) or now) - now)
  return 'accepted'
end

-- Something may have been done already, so the attempt stays counted and the next one looks for what it left.
function settle.interrupted(id, key, delay)
  redis.call('HSET', key, 'lost', 0)
  redis.call('ZADD', due, now + delay, id)
  return 'waiting'
end

-- The same for what this job alone needs, a right or a setting.
settle.misconfigured = settle.interrupted

local blamed = prefix .. 'blamed:' .. queue
local function is_counted(sender, content)
  local deaths = tonumber(redis.call('HGET', blamed, 's:' .. sender) or 0)
  if deaths >= MOST_OF_ONE or redis.call('HSETNX', blamed, 'c:' .. content, 1) == 0 then
    return false
  end
  redis.call('HINCRBY', blamed, 's:' .. sender, 1)
  redis.call('PEXPIRE', blamed, BLAMED_MS)
  return true
end

local function reason_of(entry)
  local is_note, note_ = pcall(cjson.decode, entry)
  return string.sub(is_note and type(note_.reason) == 'string' and note_.reason or '', 1, MOST_REASON)
end

local function judge(state, entry, sender, content)
  if state == 'dead' and not is_counted(sender, content) then
    return
  end
  fate[state] = fate[state] + 1
  local sum = fate.done + fate.dead
  if state == 'dead' and sum >= ENOUGH and fate.dead >= TOO_MANY_DEAD * sum then
    is_suspended = true
    redis.call('SADD', paused, queue)
    redis.call('HSET', suspended, 'since', string.format('%d', now), 'dead', math.floor(fate.dead), 'of',
      math.floor(sum), 'entry', entry)
    redis.call('HSET', prefix .. 'away:pause:' .. queue, 'since', string.format('%d', now), 'by', 'the ledger itself',
      'reason', string.format('%d of the last %d jobs died; the last one: %s', math.floor(fate.dead), math.floor(sum),
      reason_of(entry)))
  elseif sum >= REMEMBERED then
    fate.done, fate.dead = fate.done / 2, fate.dead / 2
    redis.call('DEL', blamed)
  end
end

-- What `kind:producer sender` is counted under, and whose jobs it means.
local labels = {}
local function read_label(text)
  local label = labels[text]
  if not label then
    label = {counter = string.match(text, '^[^ ]*'), sender = string.match(text, ':(.*)$'), done = 0, dead = 0, took = {},
      took_ms = 0}
    labels[text] = label
  end
  return label
end

-- One that is done again clears a sender; one that is refused adds to what is held against it.
local function judge_sender(label)
  local senders = prefix .. 'away:senders'
  if label.done > 0 then
    redis.call('HDEL', senders, label.sender)
    return
  end
  local before = redis.call('HGET', senders, label.sender)
  if not before and redis.call('HLEN', senders) >= MOST_SENDERS then
    return
  end
  local refused, last = string.match(before or '', '^(%d+) %d+ (%d+) ')
  if not refused or now - last > SENDERS_KEPT_MS then
    refused = 0
  end
  refused = refused + label.dead
  local over = math.min(refused - PATIENCE, 20)
  local till = over >= 0 and now + math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ^ over) or 0
  redis.call('HSET', senders, label.sender, string.format('%d %d %d %s', refused, till, now, reason_of(label.entry)))
  redis.call('PEXPIRE', senders, SENDERS_KEPT_MS)
end

-- How long a job took, by the number of its bucket: 25 ms, and twice as much each time (workers/ledger/latency.py).
local FIRST_BUCKET_MS, LAST_BUCKET = 25, 23

local answers, this_minute, shown = {}, {}, {}
local function note_latency(label, ms)
  local _, bucket = math.frexp((ms - 0.5) / FIRST_BUCKET_MS)
  bucket = math.min(math.max(bucket, 0), LAST_BUCKET)
  label.took[bucket] = (label.took[bucket] or 0) + 1
  label.took_ms = label.took_ms + ms
  this_minute['took:' .. bucket] = (this_minute['took:' .. bucket] or 0) + 1
end

for at = FIRST, #ARGV, WIDTH do
  local id, kind, shows, state, delay, entry, accepted, change = unpack(ARGV, at, at + WIDTH - 1)
  local key = prefix .. 'progress:' .. id
  if redis.call('HGET', key, 'lease') == token then
    if state == 'dead' and is_suspended then
      state = 'interrupted'
    end
    local counted_as = ''
    if state == 'done' and change ~= '' then
      counted_as = touch_group(prefix, key, change)
    end
    if not counted_as then
      state, delay, entry = 'interrupted', '0', GROUP_GONE
    end
    state = settle[state](id, key, tonumber(delay), shows) or state
    redis.call('HSET', key, 'state', state)
    if state == 'waiting' then
      redis.call('HSETNX', key, 'since', string.format('%d', now))
      redis.call('HDEL', key, 'lease')
    else
      redis.call('HDEL', key, 'lease', 'since')
    end
    if state ~= 'accepted' then
      note(key, now, state, entry)
      local label = read_label(kind)
      redis.call('HINCRBY', counts, state .. ':' .. label.counter, 1)
      if counted_as and counted_as ~= '' then
        redis.call('HINCRBY', counts, counted_as .. ':' .. label.counter, 1)
      end
      this_minute[state] = (this_minute[state] or 0) + 1
      if fate[state] then
        judge(state, entry, label.sender, shows)
        label[state], label.entry = label[state] + 1, entry
      elseif state == 'refused' and string.find(label.sender, ' ', 1, true) then
        -- A token is one program's. Analysts share a producer, and the slip of one is no fault of the others.
        label.dead, label.entry = label.dead + 1, entry
      end
      if state == 'done' then
        shown[shows] = (shown[shows] or 0) + 1
        note_latency(label, math.max(0, now - tonumber(accepted)))
        redis.call('HDEL', key, 'lost', 'tries', 'strikes', 'struck', 'awaited')
      end
    end
    answers[#answers + 1] = 1
  else
    answers[#answers + 1] = 0
  end
end

if next(this_minute) then
  local minute = prefix .. string.format('minute:%d', math.floor(now / MINUTE_MS))
  for state, count in pairs(this_minute) do
    redis.call('HINCRBY', minute, state, count)
  end
  redis.call('PEXPIRE', minute, MINUTES_KEPT_MS)
end

local latency = prefix .. 'latency'
for _, label in pairs(labels) do
  for bucket, count in pairs(label.took) do
    redis.call('HINCRBY', latency, label.counter .. ' ' .. bucket, count)
  end
  if label.took_ms > 0 then
    redis.call('HINCRBY', latency, label.counter .. ' ms', string.format('%d', label.took_ms))
  end
  if label.done + label.dead > 0 then
    judge_sender(label)
  end
end

write_groups(prefix, now)

redis.call('HSET', recent, 'done', fate.done, 'dead', fate.dead)
for shows, count in pairs(shown) do
  redis.call('HINCRBY', recent, 'ever:' .. shows, count)
end

-- A probe has ended: what answered it is well, what it never called is probed by the next job. What was claimed before
-- the breaker opened, or has been taken over since, is no probe and says nothing.
for i = 6, #KEYS do
  if redis.call('HGET', KEYS[i], 'probing') == token then
    if i < 6 + answered then
      redis.call('DEL', KEYS[i])
    else
      redis.call('HSET', KEYS[i], 'until', string.format('%d', now))
      redis.call('HDEL', KEYS[i], 'probing', 'probe')
    end
  end
end
-- A worker that settles has got the answer to its claim.
redis.call('DEL', prefix .. 'claimed:' .. token)

local is_due = redis.call('EXISTS', prefix .. 'arrived:' .. queue) == 1
  or #redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 1) > 0
answers[#answers + 1] = is_due and 1 or 0
return answers
