-- Look a few digests up in a manifest, or take some out and put others in: its partitions, of up to megabytes, stay in
-- Redis, and each is written once.
-- KEYS: manifest
-- ARGV: "find" or "change", the bytes of a digest, then partition, digests to take out, and to put in or find, in turn
-- Answers the digests of each partition that were to be put in, or found, and were there, in a text.
local what, width = ARGV[1], tonumber(ARGV[2])

local function place_of(digest, packed)
  local place = string.find(packed, digest, 1, true)
  while place and (place - 1) % width > 0 do
    -- It begins inside of another digest.
    place = string.find(packed, digest, place + 1, true)
  end
  return place
end

-- The digests that are there, where they are, and those that are not.
local function sorted_out(digests, packed)
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
  return known, places, new
end

local answers = {}
for at = 3, #ARGV, 3 do
  local part, gone, wanted = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local packed = redis.call('HGET', KEYS[1], part) or ''
  local known, _, new = sorted_out(wanted, packed)
  local _, places = sorted_out(gone, packed)
  if what == 'change' and #new + #places > 0 then
    table.sort(places)
    local left, from = {}, 1
    for _, place in ipairs(places) do
      left[#left + 1] = string.sub(packed, from, place - 1)
      from = place + width
    end
    left[#left + 1] = string.sub(packed, from)
    left[#left + 1] = table.concat(new)
    redis.call('HSET', KEYS[1], part, table.concat(left))
  end
  answers[#answers + 1] = table.concat(known)
end
return answers
