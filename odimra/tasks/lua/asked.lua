-- Requests that may come again: which of their keys were used, for what, and what that began.
-- a: {root, key, content, seconds for which it is known, most keys}
local function asked_before(a)
  local before = redis.call('HMGET', a[1] .. 'asked:' .. a[2], 'content', 'began')
  if not before[1] then return nil end
  return before[1] == a[3] and 'repeated' or 'taken', before[2]
end

local function note_asked(a, at, began)
  local index = a[1] .. 'asked'
  local key = index .. ':' .. a[2]
  redis.call('HSET', key, 'content', a[3], 'began', began)
  redis.call('EXPIRE', key, a[4])
  redis.call('ZADD', index, at, a[2])
  -- Those that nobody knows any more leave the index; bounded, so that no request takes long.
  for _ = 1, 10 do
    local oldest = redis.call('ZRANGE', index, 0, 0, 'WITHSCORES')
    if tonumber(oldest[2]) > at - a[4] * 1000 and redis.call('ZCARD', index) <= a[5] then break end
    redis.call('ZREM', index, oldest[1])
    redis.call('DEL', index .. ':' .. oldest[1])
  end
end
