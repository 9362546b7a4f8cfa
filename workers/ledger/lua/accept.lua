-- Accept jobs of one queue: record, index and bell at once, or nothing at all.
-- KEYS: due, bells, counts, memory
-- ARGV: prefix, most open jobs, most bells, bell, most memory in thousandths of maxmemory,
--       1: nothing at all where a key was used for something else, then for each job:
--       id, record, name of its counter, digest, key, window in ms
-- Answers {"busy", open}, {"full", thousandths of maxmemory in use}, or a pair for each job:
--       {id, 1 new | 0 known | -1 the key was used for something else}; such a one alone where nothing was accepted for it.
-- Reads no job's content, so that a user who may only accept needs no right to read.
local due, bells, counts, memory = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, most_open, most_bells, bell = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local most_memory, atomic = tonumber(ARGV[5]), ARGV[6] == '1'
local FIRST, WIDTH = 7, 6
local MEMORY_BELIEVED_MS = 2000
-- Lua cannot spread more than some thousand values over one call.
local MOST_ENTRIES = 2000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local coming = (#ARGV - FIRST + 1) / WIDTH
local open = redis.call('ZCARD', due)
if open + coming > most_open then
  return {'busy', open}
end

-- INFO costs ten times what accepting costs, so its answer is believed for a while, whoever asked.
local function memory_in_use()
  local cached = redis.call('GET', memory)
  if cached then
    return tonumber(cached)
  end
  local info = redis.pcall('INFO', 'memory')
  -- A user without the right to INFO accepts until Redis itself says that it is full.
  local used, most = 0, 0
  if type(info) == 'string' then
    used = tonumber(string.match(info, '\nused_memory:(%d+)') or 0)
    most = tonumber(string.match(info, '\nmaxmemory:(%d+)') or 0)
  end
  local share = most > 0 and math.floor(used * 1000 / most) or 0
  redis.call('SET', memory, string.format('%d', share), 'PX', MEMORY_BELIEVED_MS)
  return share
end

local in_use = memory_in_use()
if in_use > most_memory then
  return {'full', in_use}
end

local function first_of(key, digest)
  local first = redis.call('GET', prefix .. 'same:' .. key)
  if first then
    local id, first_digest = string.match(first, '^(%S+) (%S+)$')
    return {id, (first_digest == digest) and 0 or -1}
  end
end

-- The first job of a key that was used for something else, before this call or earlier in it.
local function reused()
  local here = {}
  for at = FIRST, #ARGV, WIDTH do
    local digest, key = ARGV[at + 3], ARGV[at + 4]
    local first = key ~= '' and first_of(key, digest)
    if first and first[2] == -1 then
      return first[1]
    end
    if here[key] and ARGV[here[key] + 3] ~= digest then
      return ARGV[here[key]]
    end
    here[key] = key ~= '' and (here[key] or at) or nil
  end
end

local earlier = atomic and reused()
if earlier then
  return {{earlier, -1}}
end

-- Index and counters are written once for all: each call of Redis costs as much as the rest of a job.
local stamp = string.format('%d\n', now)
local answers, rung, added, entries = {}, nil, {}, {}
local function index()
  if #entries > 0 then
    redis.call('ZADD', due, unpack(entries))
    entries = {}
  end
end

for at = FIRST, #ARGV, WIDTH do
  local id, record, counter, digest, key, window = unpack(ARGV, at, at + WIDTH - 1)
  local answer = key ~= '' and first_of(key, digest)
  added[counter] = added[counter] or 0
  if not answer then
    if redis.call('SET', prefix .. 'job:' .. id, stamp .. record, 'NX') then
      entries[#entries + 1], entries[#entries + 2] = now, id
      added[counter] = added[counter] + 1
      rung = id
      answer = {id, 1}
    else
      answer = {id, 0}
    end
    if key ~= '' then
      redis.call('SET', prefix .. 'same:' .. key, id .. ' ' .. digest, 'PX', window)
    end
    if #entries >= MOST_ENTRIES then
      index()
    end
  end
  answers[#answers + 1] = answer
end
index()
-- By 0 too: WAIT waits for what its own connection wrote, and a repeat must not pass as confirmed for writing nothing.
for counter, count in pairs(added) do
  redis.call('HINCRBY', counts, counter, count)
end

if rung and redis.call('LLEN', bells) < most_bells then
  redis.call('LPUSH', bells, (string.gsub(bell, '@bell@', rung)))
end
return answers
