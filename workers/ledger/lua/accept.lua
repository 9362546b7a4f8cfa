-- Accept jobs of one queue: record, index and wake-up at once, or nothing at all.
-- KEYS: due, wake-ups, counts, memory
-- ARGV: prefix, most open jobs, most wake-ups, wake-up, most memory in thousandths of maxmemory,
--       how many jobs may be open although more is in use, 1: nothing at all where a key was used for something else,
--       then for each job: id, record, name of its counter, digest, key, window in ms
-- Answers {"busy", open, most open jobs}, {"full", thousandths of maxmemory in use}, {"reused", id} where nothing was accepted for it,
--       or one for each job that is not new: {place from 0, id, 0 known | -1 the key was used for something else,
--       state and event's id of a job of which only its marker is kept, else "" and 0}, and for each that is not
--       accepted as its sender is slowed down: {place, id, -2, what is kept of the sender, the time in ms}.
-- Reads no job's content, so that a user who may only accept needs no right to read.
local due, wake_ups, counts, memory = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, most_open, most_wake_ups, wake_up = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local most_memory, relief, atomic = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1'
local FIRST, WIDTH = 8, 6
-- Lua cannot spread more than some thousand values over one call; a job takes two.
local MOST_AT_ONCE = 1000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local coming = (#ARGV - FIRST + 1) / WIDTH
local open = count_open(due)
if open + math.max(coming, 1) > most_open then
  return {'busy', open, most_open}
end

local in_use = memory_in_use(memory)
if in_use > most_memory and open + math.max(coming, 1) > relief then
  return {'full', in_use}
end

-- Asked with no job whether there is room, a Redis that takes no writes must refuse like with one.
if coming == 0 then
  redis.call('ZADD', due, 'XX', 0, '')
end

-- Of a sender whose jobs keep being refused nothing is accepted for a while, old or new; others do not wait for it.
-- A user of an older ACL may not ask for that.
local senders, slowed = prefix .. 'away:senders', {}
local is_any_slowed = redis.pcall('EXISTS', senders) == 1
local function kept_of_slowed(record)
  local sender = is_any_slowed and string.match(record, '^[^\n]*\n[^\n]*\n([^\n]*)')
  if sender and slowed[sender] == nil then
    local kept = redis.call('HGET', senders, sender)
    slowed[sender] = kept and tonumber(string.match(kept, '^%d+ (%d+)')) > now and kept
  end
  return sender and slowed[sender]
end

local seen = {}

-- A job that was dropped is owed no more, so its key answers nothing. A user of an older ACL may not ask for that.
local function is_gone(id)
  return not seen[id] and redis.pcall('EXISTS', prefix .. 'job:' .. id) == 0 and not marker_of(prefix, id)
end

-- Refused once, an action is tried anew: what was wrong may have been mended in ThreatQ meanwhile.
local function is_refused(id)
  return redis.pcall('HGET', prefix .. 'progress:' .. id, 'state') == 'refused'
end

local function first_of(key, digest)
  local first = redis.call('GET', prefix .. 'same:' .. key)
  if first then
    local id, first_digest = string.match(first, '^(%S+) (%S+)$')
    local is_action = string.sub(key, 1, 6) == 'about:'
    -- Another action on the same indicator came in between: this one repeats nothing.
    if is_action and (first_digest ~= digest or is_refused(id)) or is_gone(id) then
      return nil
    end
    return {id, (first_digest == digest) and 0 or -1}
  end
end

-- The first job of a key that was used for something else, before this call or earlier in it.
local function reused()
  local first_at = {}
  for at = FIRST, #ARGV, WIDTH do
    local digest, key = ARGV[at + 3], ARGV[at + 4]
    local first = key ~= '' and first_of(key, digest)
    if first and first[2] == -1 then
      return first[1]
    end
    if first_at[key] and ARGV[first_at[key] + 3] ~= digest then
      return ARGV[first_at[key]]
    end
    first_at[key] = key ~= '' and (first_at[key] or at) or nil
  end
end

local earlier = atomic and reused()
if earlier then
  return {'reused', earlier}
end

local answers = {}
local function known(at, id, verdict)
  local state, event = marker_of(prefix, id)
  answers[#answers + 1] = {(at - FIRST) / WIDTH, id, verdict, state or '', event or 0}
end

-- What seems new is gathered first: each call of Redis costs as much as the rest of a job.
local stamp = string.format('%d\n', now)
local fresh, records, added = {}, {}, {}
for at = FIRST, #ARGV, WIDTH do
  local id, record, counter, digest, key, window = unpack(ARGV, at, at + WIDTH - 1)
  local sender = kept_of_slowed(record)
  local first = not sender and key ~= '' and first_of(key, digest)
  added[counter] = added[counter] or 0
  if sender then
    answers[#answers + 1] = {(at - FIRST) / WIDTH, id, -2, sender, now}
  elseif first then
    known(at, first[1], first[2])
  elseif seen[id] or marker_of(prefix, id) then
    known(at, id, 0)
  else
    local place = #fresh + 1
    fresh[place], seen[id] = at, true
    records[2 * place - 1], records[2 * place] = prefix .. 'job:' .. id, stamp .. record
  end
  if key ~= '' and not first and not sender then
    put(prefix .. 'same:' .. key, id .. ' ' .. digest, window)
  end
end

-- Nearly always all are new, and one call keeps them; else each is tried alone.
local woken_for
local function keep(from, to)
  if put_new(records, 2 * from - 1, 2 * to) then
    local entries = {}
    for each = from, to do
      local id, counter = ARGV[fresh[each]], ARGV[fresh[each] + 2]
      entries[#entries + 1], entries[#entries + 2] = now, id
      added[counter] = added[counter] + 1
    end
    add_open(due, entries)
    woken_for = ARGV[fresh[to]]
  elseif from == to then
    known(fresh[from], ARGV[fresh[from]], 0)
  else
    for each = from, to do
      keep(each, each)
    end
  end
end
for from = 1, #fresh, MOST_AT_ONCE do
  keep(from, math.min(from + MOST_AT_ONCE - 1, #fresh))
end

-- By 0 too: WAIT waits for what its own connection wrote, and a repeat must not pass as confirmed for writing nothing.
for counter, times in pairs(added) do
  count(counts, counter, times)
end

if woken_for and redis.call('LLEN', wake_ups) < most_wake_ups then
  push(wake_ups, (string.gsub(wake_up, '@wake_up@', woken_for)))
end
return answers
