"""A clock of Redis that jumps: every time that the ledger has written down is moved, as if it had."""

from __future__ import annotations

from typing import Any

from workers.ledger import keys

#: Moves each time, and each time to live, back by so many ms; forward by a number below zero. In one step.
SHIFT = """
local ms = tonumber(ARGV[2])
local function shifted(text) return string.format('%d', tonumber(text) - ms) end
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local kind = string.match(string.sub(key, #ARGV[1] + 1), '^([^:]+)')
  if kind == 'due' then
    local rows = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for at = 1, #rows, 2 do redis.call('ZADD', key, shifted(rows[at + 1]), rows[at]) end
  elseif kind == 'job' then
    -- A packed one begins with a sign, and there are other texts beside the jobs.
    local sign, stamp, rest = string.match(redis.call('GET', key), '^(%+?)(%d+)(\\n.*)$')
    if stamp then redis.call('SET', key, sign .. shifted(stamp) .. rest, 'KEEPTTL') end
  elseif kind == 'away' and redis.call('TYPE', key).ok == 'hash' then
    for _, field in ipairs({'until', 'passed'}) do
      local till = redis.call('HGET', key, field)
      if till then redis.call('HSET', key, field, shifted(till)) end
    end
  elseif kind == 'life' and redis.call('HGET', key, 'since') ~= '0' then
    redis.call('HSET', key, 'since', shifted(redis.call('HGET', key, 'since')))
  end
  local left = redis.call('PTTL', key)
  if left >= 0 then
    redis.call('PEXPIRE', key, left - ms)
  end
end
"""


def jump(redis: Any, seconds: float) -> None:
    """Let Redis's clock jump ahead by so many seconds, or back by a number below zero."""
    redis.eval(SHIFT, 0, keys.PREFIX, round(seconds * 1000))
