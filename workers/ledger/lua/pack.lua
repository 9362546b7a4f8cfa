-- Replace done jobs by their packed form, each unless it was opened again meanwhile, and note how far that has come.
-- KEYS: done, packed until
-- ARGV: prefix, until when done jobs are packed in ms, then for each job: id, when it was done in ms, packed
-- Answers how many were replaced.
local done, packed_until, prefix = KEYS[1], KEYS[2], ARGV[1]
local replaced = 0
for at = 3, #ARGV, 3 do
  local id, ended, packed = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local key = prefix .. 'progress:' .. id
  if tonumber(redis.call('ZSCORE', done, id) or -1) == tonumber(ended) and redis.call('HGET', key, 'state') == 'done' then
    redis.call('SET', prefix .. 'job:' .. id, packed)
    redis.call('DEL', key, prefix .. 'history:' .. id)
    replaced = replaced + 1
  end
end
redis.call('SET', packed_until, ARGV[2])
return replaced
