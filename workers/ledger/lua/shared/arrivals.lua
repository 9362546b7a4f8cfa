-- Take over the jobs that came through the function, whose users may not write into the index of open jobs.
local function take_over_arrivals(prefix, queue, due, now)
  local MOST, HEAD_BYTES = 1000, 255
  local added = {}
  for _, id in ipairs(redis.call('LPOP', prefix .. 'arrived:' .. queue, MOST) or {}) do
    local head = redis.call('GETRANGE', prefix .. 'job:' .. id, 0, HEAD_BYTES)
    local kind, producer = string.match(head, '^%d+\n([^ \n]+)[^\n]*\n[^\n]*\n([^ \n]+)')
    if kind and redis.call('ZADD', due, 'NX', now, id) == 1 then
      local counter = 'accepted:' .. kind .. ':' .. producer
      added[counter] = (added[counter] or 0) + 1
    end
  end
  for counter, times in pairs(added) do
    redis.call('HINCRBY', prefix .. 'counts', counter, times)
  end
end
