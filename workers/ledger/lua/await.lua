-- Tell a Celery result what became of a job, now if it has ended, else whenever it comes to something.
-- KEYS: none
-- ARGV: prefix, the result's id, the job's id, most results that wait for one job; or, where what became of it is known:
--       prefix, the result's id, "", 0, state, note
-- Answers the job's state: accepted where nothing is known of it yet, packed where only a client can read its note.
local prefix, result_id, job_id, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if job_id == '' then
  tell_results(prefix, result_id, ARGV[5], ARGV[6])
  return ARGV[5]
end
if redis.call('GETRANGE', prefix .. 'job:' .. job_id, 0, 0) == '+' then
  return 'packed'
end
local key = prefix .. 'progress:' .. job_id
local state, ids, notes = unpack(redis.call('HMGET', key, 'state', 'awaited', 'history'))
state, ids = state or 'accepted', ids or ''
if state == 'accepted' or state == 'running' or state == 'waiting' then
  local _, count = string.gsub(ids, '%S+', '')
  if count < most and not string.find(' ' .. ids .. ' ', ' ' .. result_id .. ' ', 1, true) then
    redis.call('HSET', key, 'awaited', ids .. ' ' .. result_id)
  end
end
if state == 'running' then
  tell_results(prefix, result_id, state, 'null')
elseif state ~= 'accepted' then
  tell_results(prefix, result_id, state, string.match(notes or '', '\n?%d+ %l+ ([^\n]*)\n$') or '{}')
end
return state
