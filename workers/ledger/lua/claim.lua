-- Claim what is ready in one queue, oldest first, until the lease ends. Called again with a token it answers the same.
-- KEYS: due, paused, dead, counts, then the breakers of the services that the queue's work needs, and its own
-- ARGV: prefix, queue, most jobs, lease in ms, token, how often a job may lose its worker, how long it waits in ms
--       before the last of these, for how long after a new life of Redis first attempts look for their event in ms
-- Answers a row for each job: id, record, attempts, lost, solo failures, the life of Redis.
local due, paused, dead, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, queue, most = ARGV[1], ARGV[2], tonumber(ARGV[3])
local lease, token, most_lost = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local rest, last_chance, life = tonumber(ARGV[7]), prefix .. 'last-chance:' .. queue, prefix .. 'life'
local wary = tonumber(ARGV[8])

-- After so many ms it is looked again whether the job with the last chance has ended.
local TURN_MS = 200
-- Jobs that are looked at together for one of a kind that does not wait, and how often that is done in one call.
local PAGE, PAGES = 1000, 5
-- A worker that got no answer asks again well within so many ms: after the client's timeout of five seconds.
local ASKED_AGAIN_MS = 15000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A Redis that stood still answers a worker that has given up and asks again: else its jobs were lost for a lease.
local before = redis.call('GET', prefix .. 'claimed:' .. token)
if before then
  local still_its = {}
  for _, row in ipairs(cjson.decode(before)) do
    local id, attempts, lost, solo_failures, run = unpack(row)
    if redis.call('HGET', prefix .. 'progress:' .. id, 'lease') == token then
      still_its[#still_its + 1] = {id, redis.call('GET', prefix .. 'job:' .. id), attempts, lost, solo_failures, run}
    end
  end
  return still_its
end

take_over_arrivals(prefix, queue, due, now)
if redis.call('SISMEMBER', paused, queue) == 1 then
  return {}
end
-- Of a kind that waits, so many jobs may be claimed, each as a probe; jobs of other kinds go on.
local waiting_kind, probes, passed
for i = 5, #KEYS do
  local till, kind, past = unpack(redis.call('HMGET', KEYS[i], 'until', 'kind', 'passed'))
  local is_open = till and tonumber(till) > now
  if till and kind and kind ~= '' then
    waiting_kind, probes, passed = kind, is_open and 0 or 1, past
  elseif is_open then
    return {}
  elseif till then
    -- The service was away: one job goes ahead as a probe, the others wait for what becomes of it.
    most = 1
  end
end

local function is_of_waiting_kind(id)
  return string.match(redis.call('GETRANGE', prefix .. 'job:' .. id, 0, 63), '^%d+\n([^ \n]*)') == waiting_kind
end

-- The jobs of other kinds among these, and as many of the kind that waits as may be a probe.
local function free_to_go(page)
  local found = {}
  for at = 1, #page, 2 do
    local waits = is_of_waiting_kind(page[at])
    if not waits or probes > 0 then
      probes = waits and probes - 1 or probes
      found[#found + 1] = page[at]
      if #found == most then
        break
      end
    end
  end
  return found
end

-- Up to which time all that is due is known to wait: later jobs only come behind it. `page` waits as a whole.
local function last_time_of(page)
  local last = tonumber(page[#page])
  if #page == 2 * PAGE then
    -- More may be due at the time at which the page ends.
    local at = #page
    while at > 0 and tonumber(page[at]) == last do
      at = at - 2
    end
    last = at > 0 and tonumber(page[at]) or last
  end
  return math.min(last, now - 1)
end

-- What is ready, oldest first. Where a kind waits, its jobs are passed by, and not looked at again as long as it does.
local function ready()
  if not waiting_kind then
    return redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most)
  end
  for _ = 1, PAGES do
    local from = passed and probes == 0 and '(' .. passed or '-inf'
    local page = redis.call('ZRANGEBYSCORE', due, from, now, 'WITHSCORES', 'LIMIT', 0, PAGE)
    if #page == 2 * PAGE and page[2] == page[#page] then
      page = redis.call('ZRANGEBYSCORE', due, page[2], page[2], 'WITHSCORES')
    end
    local found = free_to_go(page)
    if #page == 0 or #found > 0 then
      return found
    end
    passed = string.format('%d', last_time_of(page))
    redis.call('HSET', KEYS[#KEYS], 'passed', passed)
    if #page < 2 * PAGE then
      break
    end
  end
  return {}
end

local function bury(id, record, lost)
  local entry = cjson.encode({reason = 'it lost its worker ' .. lost .. ' times: every worker that takes it is killed',
    error = 'WorkerLost'})
  local kind, producer = string.match(record, '^%d+\n([^ \n]*)[^\n]*\n[^\n]*\n([^ \n]*)')
  redis.call('HSET', prefix .. 'progress:' .. id, 'state', 'dead', 'lost', lost)
  redis.call('HDEL', prefix .. 'progress:' .. id, 'lease')
  redis.call('ZREM', due, id)
  redis.call('ZADD', dead, now, id)
  note(prefix .. 'progress:' .. id, now, 'dead', entry)
  redis.call('HINCRBY', counts, 'dead:' .. (kind or 'malformed') .. ':' .. (producer or ''), 1)
end

-- A job that lost two workers may be a bystander: claimed with a hundred others, or its workers restarted hard. So the last chance comes later, and to one job at a time: the one that dies then did it itself.
local function put_off_last_chance(id, lost)
  local entry = cjson.encode({reason = 'it lost its worker ' .. lost .. ' times; it is tried once more, by itself',
    error = 'WorkerLost', again_in_s = rest / 1000})
  redis.call('HSET', prefix .. 'progress:' .. id, 'state', 'waiting', 'lost', lost)
  redis.call('HDEL', prefix .. 'progress:' .. id, 'lease')
  redis.call('ZADD', due, now + rest, id)
  note(prefix .. 'progress:' .. id, now, 'waiting', entry)
end

local function last_chance_is_taken()
  local holder = redis.call('GET', last_chance)
  local till = holder and redis.call('ZSCORE', due, holder)
  return till and tonumber(till) > now and redis.call('HGET', prefix .. 'progress:' .. holder, 'state') == 'running'
end

-- A Redis that was killed while its disk was busy has forgotten what it answered last, and a replica that takes over may
-- never have heard of it: of claims, too. So what was accepted before this life of Redis may have been tried already; and
-- what comes soon after it began may be sent again, because its first acceptance was forgotten.
local function run_id()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
end

local function wary_until(run)
  local known = redis.call('HMGET', life, 'run', 'since')
  local since = tonumber(known[2])
  if known[1] ~= run then
    -- A Redis that names no life is new, or has forgotten all: that cannot be told apart.
    since = now
    redis.call('HSET', life, 'run', run, 'since', string.format('%d', since))
  end
  return since > 0 and since + wary or 0
end

local claimed, noted, run, wary_till = {}, {}, nil, nil
for _, id in ipairs(ready()) do
  -- A key of another type than ours is no record: it must not keep the queue's other jobs from being claimed.
  local record, key = redis.pcall('GET', prefix .. 'job:' .. id), prefix .. 'progress:' .. id
  local progress = redis.pcall('HMGET', key, 'state', 'lost', 'tries', 'strikes', 'awaited')
  local was_running = progress[1] == 'running'
  local lost, tries = tonumber(progress[2] or 0), tonumber(progress[3] or 0)
  if was_running then
    -- Its lease ran out: the worker that had it is gone.
    lost = lost + 1
  end
  -- A job under suspicion goes alone, so that it cannot take others with it.
  local alone = lost > 0 or tries > 1
  if type(record) ~= 'string' or progress.err then
    redis.call('ZREM', due, id)
  elseif lost >= most_lost then
    bury(id, record, lost)
  elseif was_running and lost + 1 >= most_lost then
    put_off_last_chance(id, lost)
  elseif lost + 1 >= most_lost and last_chance_is_taken() then
    redis.call('ZADD', due, now + TURN_MS, id)
  elseif alone and #claimed > 0 then
    redis.call('HSET', key, 'state', 'waiting', 'lost', lost)
  else
    redis.call('HSET', key, 'state', 'running', 'lost', lost, 'lease', token)
    if lost + 1 >= most_lost then
      redis.call('SET', last_chance, id)
    end
    if progress[5] then
      tell_results(prefix, progress[5], 'running', 'null')
    end
    local attempts = redis.call('HINCRBY', key, 'attempts', 1)
    if attempts > 1 and not progress[1] then
      -- Dropped once and sent again: what was to be remembered for a while belongs to an open job now.
      redis.call('PERSIST', key)
    end
    run = run or run_id()
    if attempts == 1 then
      wary_till = wary_till or wary_until(run)
      attempts = tonumber(string.match(record, '^%d+') or 0) < wary_till and 2 or 1
    end
    redis.call('ZADD', due, now + lease, id)
    local solo_failures = tonumber(progress[4] or 0)
    claimed[#claimed + 1] = {id, record, attempts, lost, solo_failures, run}
    noted[#noted + 1] = {id, attempts, lost, solo_failures, run}
    if alone then
      break
    end
  end
end

if #claimed > 0 then
  redis.call('SET', prefix .. 'claimed:' .. token, cjson.encode(noted), 'PX', ASKED_AGAIN_MS)
  -- Whatever becomes of the probe, its settlement names this token; of a worker that is killed, its lease runs out.
  for i = 5, #KEYS do
    local kind = redis.call('HMGET', KEYS[i], 'until', 'kind')
    for _, row in ipairs(kind[1] and claimed or {}) do
      if not kind[2] or kind[2] == '' or is_of_waiting_kind(row[1]) then
        redis.call('HSET', KEYS[i], 'until', string.format('%d', now + lease), 'probing', token, 'probe', row[1])
        break
      end
    end
  end
end
return claimed
