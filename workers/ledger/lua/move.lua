-- Move messages from one list to another, one after the other, so long as they are not too many or too large.
-- KEYS: from, to
-- ARGV: the end of the list that is taken from, the end of the other that is put to, most messages, most bytes
-- Answers the messages.
local moved, bytes = {}, 0
while #moved < tonumber(ARGV[3]) and bytes < tonumber(ARGV[4]) do
  local message = redis.call('LMOVE', KEYS[1], KEYS[2], ARGV[1], ARGV[2])
  if not message then
    break
  end
  moved[#moved + 1], bytes = message, bytes + #message
end
return moved
