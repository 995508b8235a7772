-- Keep what machines have drawn: points of the periods since they were last looked at, and the new places.
-- KEYS: 1 places of all meters, 2 all periods. ARGV: 1 root of all keys, 2 how many points a period may
-- have, 3 JSON of a list of {machine, was, now, points}: the place as it was read and as it is from now on,
-- nothing where there is none; each point is [scope, begin, what it is known by, its usage, itself rated].
-- Returns for each machine "ok", "moved" (somebody else has kept it: nothing is kept) or "limit" (a period
-- is full: nothing is kept).
local root, most = ARGV[1], tonumber(ARGV[2])

local function keys(point)
  local of = point[1] .. ':' .. point[2]
  return root .. 'rating:usage:' .. of, root .. 'rating:frame:' .. of, of
end

local function fits(points)
  for _, point in ipairs(points) do
    local usage = keys(point)
    if redis.call('HEXISTS', usage, point[3]) == 0
      and redis.call('HLEN', usage) - redis.call('HEXISTS', usage, '#') >= most then
      return false
    end
  end
  return true
end

local said = {}
for number, one in ipairs(cjson.decode(ARGV[3])) do
  if (redis.call('HGET', KEYS[1], one.machine) or nil) ~= one.was then
    said[number] = 'moved'
  elseif not fits(one.points) then
    said[number] = 'limit'
  else
    for _, point in ipairs(one.points) do
      local usage, frame, of = keys(point)
      redis.call('HSET', usage, point[3], point[4])
      -- Whoever rates this period at the moment has not seen all of it.
      redis.call('HINCRBY', usage, '#', 1)
      redis.call('HSET', frame, point[3], point[5])
      redis.call('ZADD', root .. 'rating:frames:' .. point[1], point[2], point[2])
      redis.call('ZADD', KEYS[2], point[2], of)
    end
    if one.now then redis.call('HSET', KEYS[1], one.machine, one.now)
    else redis.call('HDEL', KEYS[1], one.machine) end
    said[number] = 'ok'
  end
end
return said
