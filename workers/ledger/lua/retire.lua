-- Forget the content of the jobs that were done first, and keep a marker of each.
-- KEYS: done
-- ARGV: prefix, which ones in ms (done before it), most jobs; or ids behind these, of jobs to forget whenever they were done
-- Answers how many.
local done, prefix, before, most = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local MOST_EVENT_ID, MOST_HEAD, MOST_REWRITTEN = 2 ^ 40 - 1, 511, 4096

-- The event that a packed job names before what is compressed (workers/ledger/packed.py), nil for one that is not packed.
local function packed_event(id)
  local head = redis.call('GETRANGE', prefix .. 'job:' .. id, 0, MOST_HEAD)
  return string.match(head, '^%+%d+\n[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n(%d+) ')
end

-- Where earlier versions noted what became of a job.
local function last_note_of_stream(id)
  local last = redis.call('XREVRANGE', prefix .. 'history:' .. id, '+', '-', 'COUNT', 1)[1]
  return last and table.concat(last[2], ' ') or ''
end

-- The id of its event, 0 for none; of a job that was done twice, that of the last time.
local function event_of(id)
  local event = packed_event(id)
  if not event then
    local notes = redis.call('HGET', prefix .. 'progress:' .. id, 'history') or last_note_of_stream(id)
    event = string.match(notes, '.*"event_id": ?(%d+)')
  end
  event = tonumber(event or 0)
  return event <= MOST_EVENT_ID and event or 0
end

-- What is appended to, Redis keeps with as much room again; a short text is rather written anew.
local function add_marker(key, marker)
  if redis.call('STRLEN', key) > MOST_REWRITTEN then
    redis.call('APPEND', key, marker)
  else
    redis.call('SET', key, (redis.call('GET', key) or '') .. marker)
  end
end

local rows = {}
if #ARGV == 3 then
  rows = redis.call('ZRANGE', done, '-inf', '(' .. before, 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
end
for i = 4, #ARGV do
  local ended = redis.call('ZSCORE', done, ARGV[i])
  if ended then
    rows[#rows + 1], rows[#rows + 2] = ARGV[i], ended
  end
end
for at = 1, #rows, 2 do
  local id, day = rows[at], math.floor(tonumber(rows[at + 1]) / DAY_MS)
  if string.match(id, '^%x+$') and #id == 24 then
    add_marker(marker_key(prefix, id), new_marker(id, event_of(id), day))
  end
  redis.call('DEL', prefix .. 'job:' .. id, prefix .. 'progress:' .. id, prefix .. 'history:' .. id)
  redis.call('ZREM', done, id)
end
return #rows / 2
