-- Forget the markers of jobs that were done before a day; each text has the oldest first.
-- KEYS: none
-- ARGV: prefix, the number of the first text, how many texts, the first day that is kept, 1: only count
-- Answers how many.
local prefix, first, texts = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local kept_from, only_count = tonumber(ARGV[4]), ARGV[5] == '1'

local function bytes_before(markers)
  local offset = 0
  while offset < #markers and day_at(markers, offset) < kept_from do
    offset = offset + MARKER_BYTES
  end
  return offset
end

local forgotten = 0
for number = first, first + texts - 1 do
  local key = marker_key(prefix, string.format('%04x', number))
  local oldest = redis.call('GETRANGE', key, 0, MARKER_BYTES - 1)
  if #oldest == MARKER_BYTES and day_at(oldest, 0) < kept_from then
    local markers = redis.call('GET', key)
    local old = bytes_before(markers)
    forgotten = forgotten + old / MARKER_BYTES
    if not only_count and old < #markers then
      redis.call('SET', key, string.sub(markers, old + 1))
    elseif not only_count then
      redis.call('DEL', key)
    end
  end
end
return forgotten
