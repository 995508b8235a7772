-- Remove an aggregate. KEYS: aggregate, its elements, index. ARGV: JSON {id, expect or nil, news}
local given = cjson.decode(ARGV[1])
local version = tonumber(redis.call('HGET', KEYS[1], 'version'))
if not version then return {'missing'} end
if given.expect then
  local met = false
  for _, one in ipairs(given.expect) do met = met or one == version end
  if not met then return {'version', version} end
end
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('ZREM', KEYS[3], given.id)
news(given.news)
return {'ok'}
