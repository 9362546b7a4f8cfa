-- Tell Celery clients who wait for a job what became of it, as Celery's own Redis backend stores and announces it.
local CELERY_STATE = {running = 'STARTED', waiting = 'RETRY', done = 'SUCCESS', dead = 'FAILURE', refused = 'FAILURE'}
-- Seconds for which a result is kept; Celery's own default.
local RESULT_S = 86400

local function as_exception(state, entry)
  local is_note, note_ = pcall(cjson.decode, entry)
  note_ = is_note and type(note_) == 'table' and note_ or {}
  local name = type(note_.error) == 'string' and note_.error or state == 'waiting' and 'Waiting' or 'Rejected'
  local reason = type(note_.reason) == 'string' and note_.reason or ''
  return cjson.encode({exc_type = name, exc_message = {reason}, exc_module = cjson.null})
end

local function tell_results(prefix, ids, state, entry)
  local status, result = CELERY_STATE[state], entry
  if not status then
    return
  elseif status == 'RETRY' or status == 'FAILURE' then
    result = as_exception(state, entry)
  end
  for id in string.gmatch(ids, '%S+') do
    local key = prefix .. 'celery:celery-task-meta-' .. id
    local meta = '{"status":"' .. status .. '","result":' .. result .. ',"traceback":null,"children":[],"task_id":"' .. id .. '"}'
    redis.call('SET', key, meta, 'EX', RESULT_S)
    -- A user who may not publish loses no job by it: the result is there to be read.
    redis.pcall('PUBLISH', key, meta)
  end
end
