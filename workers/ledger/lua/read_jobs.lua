-- Read jobs, each at one moment with its progress and the index that names it, for a backup.
-- KEYS: done, dead, refused
-- ARGV: prefix, then ids
-- Answers a row for each that is there: id, record, progress, the name of its index, its score there, when it expires in ms; of a job
-- that was dropped, whose progress alone is remembered, no record and when that expires.
local NAMES, MOST_HEAD = {'done', 'dead', 'refused'}, 511
local prefix, rows = ARGV[1], {}

-- One that no index names is open: it came through the function, and no worker has taken it over yet.
local function place_of(id, record)
  for i, name in ipairs(NAMES) do
    local score = redis.call('ZSCORE', KEYS[i], id)
    if score then
      return name, score
    end
  end
  local accepted, queue = string.match(string.sub(record, 1, MOST_HEAD), '^%+?(%d+)\n[^\n]*\n([^\n]*)\n')
  return 'open', queue and redis.call('ZSCORE', prefix .. 'due:' .. queue, id) or accepted or '0'
end

for i = 2, #ARGV do
  local id = ARGV[i]
  local job, key = prefix .. 'job:' .. id, prefix .. 'progress:' .. id
  local record, progress = redis.pcall('GET', job), redis.pcall('HGETALL', key)
  if progress.err then
    progress = {}
  end
  if type(record) == 'string' then
    local index, score = place_of(id, record)
    rows[#rows + 1] = {id, record, progress, index, score, redis.call('PEXPIRETIME', job)}
  elseif not record and #progress > 0 then
    rows[#rows + 1] = {id, false, progress, '', '0', redis.call('PEXPIRETIME', key)}
  end
end
return rows
