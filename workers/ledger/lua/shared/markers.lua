-- What stays of a job whose content is no longer kept: 18 bytes, one after the other in the text `same:ended:<the first
-- four digits of its id>`: the other ten bytes of the id, five of the event's id, one of the state, two of the day since 1970.
local MARKER_BYTES, DAY_MS = 18, 86400000
local STATE_OF = {[1] = 'done'}

local function marker_key(prefix, id)
  return prefix .. 'same:ended:' .. string.sub(id, 1, 4)
end

local function as_byte(digits)
  return string.char(tonumber(digits, 16))
end

local function rest_of(id)
  return (string.gsub(string.sub(id, 5), '%x%x', as_byte))
end

local function number_at(text, first, last)
  local number = 0
  for at = first, last do
    number = number * 256 + string.byte(text, at)
  end
  return number
end

-- The day of the marker that begins after so many bytes.
local function day_at(markers, offset)
  return number_at(markers, offset + 17, offset + 18)
end

-- The state and the event's id, 0 for none, of a job that has a marker.
local function marker_of(prefix, id)
  local markers = redis.call('GET', marker_key(prefix, id))
  local rest, at = markers and rest_of(id), 0
  while markers and at do
    at = string.find(markers, rest, at + 1, true)
    -- The same bytes across two markers are none.
    if at and (at - 1) % MARKER_BYTES == 0 then
      return STATE_OF[string.byte(markers, at + 15)], number_at(markers, at + 10, at + 14)
    end
  end
end
