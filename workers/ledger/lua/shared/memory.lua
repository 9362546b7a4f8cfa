-- How much of Redis' memory is in use, in thousandths of maxmemory; 0 where it has none. INFO costs ten times what
-- accepting costs, so its answer is believed for a while, whichever process asked.
local function memory_in_use(memory)
  local BELIEVED_MS = 2000
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
  -- One that is out of memory takes no note of it either.
  pcall(put, memory, string.format('%d', share), BELIEVED_MS)
  return share
end

