-- How accept writes, for a user who may write into the ledger itself; `sealed_writes.lua` has the same for one who may not.
local function put(key, text, kept_ms)
  redis.call('SET', key, text, 'PX', kept_ms)
end

-- Write records from one place to another, names and texts in turn, all or none; false where one of the names is taken.
local function put_new(records, from, to)
  return redis.call('MSETNX', unpack(records, from, to)) == 1
end

local function count_open(due)
  return redis.call('ZCARD', due)
end

-- Times and ids in turn.
local function add_open(due, entries)
  redis.call('ZADD', due, unpack(entries))
end

local function count(counts, counter, times)
  redis.call('HINCRBY', counts, counter, times)
end

local function push(list, text)
  redis.call('LPUSH', list, text)
end
