-- Add a line `<ms> <state> <JSON>` to the history of a job, the field `history` of its progress. The oldest lines go
-- where it grows too long, and one that says the same as the last takes its place. Results that wait for the job are told.
local function note(key, now, state, entry)
  local MOST_BYTES, MS_DIGITS = 2048, 13
  local tail = ' ' .. state .. ' ' .. entry .. '\n'
  local before, awaited = unpack(redis.call('HMGET', key, 'history', 'awaited'))
  before = before or ''
  if string.sub(before, -#tail) == tail then
    before = string.sub(before, 1, -#tail - MS_DIGITS - 1)
  end
  while #before > MOST_BYTES do
    before = string.sub(before, string.find(before, '\n', 1, true) + 1)
  end
  redis.call('HSET', key, 'history', before .. string.format('%d', now) .. tail)
  if awaited then
    tell_results(string.match(key, '^(.*)progress:'), awaited, state, entry)
  end
end
