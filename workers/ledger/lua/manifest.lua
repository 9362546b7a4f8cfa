-- Look a few digests up in a manifest, add or remove them: its partitions, of up to megabytes, stay in Redis.
-- KEYS: manifest
-- ARGV: "find", "add" or "remove", the bytes of a digest, then partition and digests, in turn
-- Answers the digests that the manifest had, those of each partition in a text.
local what, width = ARGV[1], tonumber(ARGV[2])

local function place_of(digest, packed)
  local place = string.find(packed, digest, 1, true)
  while place and (place - 1) % width > 0 do
    -- It begins inside of another digest.
    place = string.find(packed, digest, place + 1, true)
  end
  return place
end

local answers = {}
for at = 3, #ARGV, 2 do
  local part, digests = ARGV[at], ARGV[at + 1]
  local packed = redis.call('HGET', KEYS[1], part) or ''
  local known, places, new = {}, {}, {}
  for first = 1, #digests, width do
    local digest = string.sub(digests, first, first + width - 1)
    local place = place_of(digest, packed)
    if place then
      known[#known + 1], places[#places + 1] = digest, place
    else
      new[#new + 1] = digest
    end
  end
  if what == 'add' and #new > 0 then
    redis.call('HSET', KEYS[1], part, packed .. table.concat(new))
  elseif what == 'remove' and #known > 0 then
    table.sort(places)
    local left, from = {}, 1
    for _, place in ipairs(places) do
      left[#left + 1] = string.sub(packed, from, place - 1)
      from = place + width
    end
    left[#left + 1] = string.sub(packed, from)
    redis.call('HSET', KEYS[1], part, table.concat(left))
  end
  answers[#answers + 1] = table.concat(known)
end
return answers
