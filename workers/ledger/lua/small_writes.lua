-- Carry out small writes that must not fail: signs of life, and what Celery notes of its own messages.
-- ARGV: for each command: how many words it has, then its words
-- Answers what the commands answer, in their order.
local answers, at = {}, 1
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  answers[#answers + 1] = redis.call(unpack(ARGV, at + 1, at + words))
  at = at + words + 1
end
return answers
