-- Add markers of a backup to those that are there, but for jobs that have one or are there themselves.
-- ARGV: prefix, then for each text of markers: the first four digits of its ids, the markers
-- Answers how many were added.
local prefix, added = ARGV[1], 0

local function hex(text)
  return (string.gsub(text, '.', function(byte)
    return string.format('%02x', string.byte(byte))
  end))
end

for at = 2, #ARGV, 2 do
  local name, markers = ARGV[at], ARGV[at + 1]
  local key, fresh = prefix .. 'same:ended:' .. name, {}
  for from = 1, #markers - MARKER_BYTES + 1, MARKER_BYTES do
    local marker = string.sub(markers, from, from + MARKER_BYTES - 1)
    local id = name .. hex(string.sub(marker, 1, REST_BYTES))
    if redis.call('EXISTS', prefix .. 'job:' .. id) == 0 and not marker_of(prefix, id) then
      fresh[#fresh + 1] = marker
    end
  end
  if #fresh > 0 then
    redis.call('SET', key, (redis.call('GET', key) or '') .. table.concat(fresh))
    added = added + #fresh
  end
end
return added
