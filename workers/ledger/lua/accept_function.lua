-- Accept jobs for a user who may do nothing but that: whatever it sends is checked before accept sees it.
-- ARGV: queue, the sender's own most open jobs and most memory in thousandths, then for each job what accept.lua takes
-- Answers what accept.lua does, or an error.
local FIRST, WIDTH, MOST_JOBS, MOST_BYTES = 4, 6, 1000, 128 * 1024 * 1024
local HEAD_BYTES, MOST_WINDOW_MS = 2000, 604800000
-- The names that the commands give to what may not be done twice.
local KEYS_ALLOWED = {'^%x+$', '^about:%x+$', '^cli:%x+$', '^cloudevents:%x+$'}

local function is_digest(text)
  return #text == 24 and string.find(text, '^[0-9a-f]+$') ~= nil
end

local function is_key(key)
  if key == '' then
    return true
  end
  for _, form in ipairs(KEYS_ALLOWED) do
    if #key <= 64 and string.find(key, form) then
      return true
    end
  end
  return false
end

local function number_up_to(most, text)
  return #text <= 9 and string.find(text, '^%d+$') and math.min(tonumber(text), most)
end

-- The kind and the producer that a record names, and why it is refused.
local function checked(record, queue)
  if #record > MOST_RECORD then
    return nil, nil, 'ERR a job of ' .. #record .. ' bytes is too large'
  end
  local kind, its_queue, producer, sender, trace, title = string.match(string.sub(record, 1, HEAD_BYTES),
    '^([%w.]+)\n(%l+)\n([%w_-]+)([^\n]*)\n([%w-]*)\n([^\n]*)\nx')
  if not kind or QUEUE_OF[kind] ~= queue or its_queue ~= queue or #trace > 64 or string.find(sender .. title, '%c') then
    return nil, nil, 'ERR this is no record of a job that the queue ' .. queue .. ' takes'
  end
  if not redis.acl_check_cmd('GET', PREFIX .. 'may:' .. kind .. ':' .. producer) then
    return nil, nil, 'NOPERM this user may not send ' .. kind .. ' as ' .. producer
  end
  return kind, producer
end

-- What accept.lua takes of these jobs; else why not. The limits are Redis' own: a sender can only be stricter.
local function arguments_of(ARGV)
  local queue = ARGV[1]
  local jobs = (#ARGV - FIRST + 1) / WIDTH
  local wake_up = queue and WAKE_UPS[queue]
  if not wake_up or jobs < 1 or jobs > MOST_JOBS or jobs ~= math.floor(jobs) then
    return nil, 'ERR a call names a queue and holds 1 to ' .. MOST_JOBS .. ' jobs'
  end
  local most_open, most_memory = number_up_to(MOST_OPEN, ARGV[2]), number_up_to(MOST_MEMORY, ARGV[3])
  if not most_open or not most_memory then
    return nil, 'ERR the limits of a call are whole numbers'
  end
  local arguments = {PREFIX, most_open, MOST_WAKE_UPS, wake_up, most_memory, 0, '0'}
  local bytes = 0
  for at = FIRST, #ARGV, WIDTH do
    local id, record, _, digest, key, window = unpack(ARGV, at, at + WIDTH - 1)
    local kind, producer, why = checked(record, queue)
    if why then
      return nil, why
    end
    window = number_up_to(MOST_WINDOW_MS, window)
    local has_own_id = not IS_ITS_CONTENT[kind]
    if not (is_digest(id) and is_digest(digest) and (has_own_id or id == digest) and is_key(key) and window and window > 0) then
      return nil, 'ERR id, digest, key or window of a job has a form that no command of ours sends'
    end
    local place = #arguments
    arguments[place + 1], arguments[place + 2], arguments[place + 3] = id, record, 'accepted:' .. kind .. ':' .. producer
    arguments[place + 4], arguments[place + 5], arguments[place + 6] = digest, key, window
    bytes = bytes + #record
    if bytes > MOST_BYTES then
      return nil, 'ERR a call holds ' .. MOST_BYTES .. ' bytes of records at most'
    end
  end
  return arguments
end

redis.register_function(NAME, function(_, ARGV)
  local arguments, why = arguments_of(ARGV)
  if not arguments then
    return redis.error_reply(why)
  end
  local queue = ARGV[1]
  return accept({PREFIX .. 'due:' .. queue, CELERY .. queue, PREFIX .. 'counts', PREFIX .. 'memory'}, arguments)
end)
