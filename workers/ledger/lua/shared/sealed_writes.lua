-- How accept writes for a user who may write nothing of the ledger itself: under a sealed name first, and from there,
-- whole, to where it belongs. Redis checks what a function does against the user who called it, so that user needs the
-- rights for it; but only the ACL file and this library know what a sealed name is, so no command of its own can use them.
local function put(key, text, kept_ms)
  redis.call('SET', SEALED .. 'text', text, 'PX', kept_ms)
  redis.call('RENAME', SEALED .. 'text', key)
end

-- One record; of several, none, and accept then writes each alone.
local function put_new(records, from, to)
  if to - from > 1 then
    return false
  end
  redis.call('SET', SEALED .. 'text', records[to])
  local is_new = redis.call('RENAMENX', SEALED .. 'text', records[from]) == 1
  if not is_new then
    redis.call('DEL', SEALED .. 'text')
  end
  return is_new
end

local function push_to(list, text, side)
  redis.call('RPUSH', SEALED .. 'list', text)
  redis.call('LMOVE', SEALED .. 'list', list, 'LEFT', side)
end

-- What no worker has taken over yet (arrivals.lua) is open too.
local function arrived_of(due)
  return (string.gsub(due, ':due:', ':arrived:', 1))
end

local function count_open(due)
  return redis.call('ZCARD', due) + redis.call('LLEN', arrived_of(due))
end

-- A caller with more rights writes as the scripts do: a worker of an earlier version knows nothing of arrivals, and an
-- upgrade that is taken back would leave them waiting.
local function add_open(due, entries)
  if redis.acl_check_cmd('ZADD', due, '0', '') then
    redis.call('ZADD', due, unpack(entries))
    return
  end
  for at = 2, #entries, 2 do
    push_to(arrived_of(due), entries[at], 'RIGHT')
  end
end

-- What arrives is counted when a worker takes it over. WAIT waits for a write, which a repeat must have made too.
local function count(counts, counter, times)
  if redis.acl_check_cmd('HINCRBY', counts, counter, '1') then
    redis.call('HINCRBY', counts, counter, times)
    return
  end
  redis.call('SET', SEALED .. 'text', '')
  redis.call('DEL', SEALED .. 'text')
end

local function push(list, text)
  push_to(list, text, 'LEFT')
end
