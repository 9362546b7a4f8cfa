-- What stays of a job whose content is no longer kept: 18 bytes, one after the other in the text `same:ended:<the first
-- four digits of its id>`: the other ten bytes of the id, five of the event's id, one of the state, two of the day since 1970.
local REST_BYTES, MARKER_BYTES, DAY_MS = 10, 18, 86400000
local STATE_OF, DONE = {[1] = 'done'}, 1

local function marker_key(prefix, id)
  return prefix .. 'same:ended:' .. string.sub(id, 1, 4)
end

local function rest_of(id)
  return struct.pack('>I4I4I2', tonumber(string.sub(id, 5, 12), 16), tonumber(string.sub(id, 13, 20), 16),
    tonumber(string.sub(id, 21, 24), 16))
end

local function new_marker(id, event, day)
  return rest_of(id) .. struct.pack('>I5BI2', event, DONE, day)
end

-- The day of the marker that begins after so many bytes.
local function day_at(markers, offset)
  return (struct.unpack('>I2', markers, offset + MARKER_BYTES - 1))
end

-- The state and the event's id, 0 for none, of a job that has a marker.
local function marker_of(prefix, id)
  local markers = redis.call('GET', marker_key(prefix, id))
  local rest, at = markers and rest_of(id), 0
  while markers and at do
    at = string.find(markers, rest, at + 1, true)
    -- The same bytes across two markers are none.
    if at and (at - 1) % MARKER_BYTES == 0 then
      local event, state = struct.unpack('>I5B', markers, at + REST_BYTES)
      return STATE_OF[state], event
    end
  end
end
