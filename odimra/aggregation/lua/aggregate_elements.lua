-- Add elements to an aggregate or take some away: all of them or none.
-- KEYS: aggregate, its elements. ARGV: JSON {add, elements, most, expect or nil, news}
local given = cjson.decode(ARGV[1])
local a = redis.call('HMGET', KEYS[1], 'version', 'next')
if not a[1] then return {'missing'} end
if given.expect then
  local met = false
  for _, one in ipairs(given.expect) do met = met or one == tonumber(a[1]) end
  if not met then return {'version', a[1]} end
end
for at, one in ipairs(given.elements) do
  local there = redis.call('ZSCORE', KEYS[2], one)
  if given.add and there then return {'present', at} end
  if not given.add and not there then return {'absent', at} end
end
if given.add then
  if redis.call('ZCARD', KEYS[2]) + #given.elements > given.most then return {'full'} end
  for at, one in ipairs(given.elements) do redis.call('ZADD', KEYS[2], a[2] + at, one) end
  redis.call('HINCRBY', KEYS[1], 'next', #given.elements)
else
  for _, one in ipairs(given.elements) do redis.call('ZREM', KEYS[2], one) end
end
redis.call('HINCRBY', KEYS[1], 'version', 1)
news(given.news)
return {'ok'}
