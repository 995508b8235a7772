-- Remove a versioned hash and its place in an index if it is still of an expected version.
-- KEYS: document, [index]
-- ARGV: 1 member, 2 JSON {touch, expect?, news?}
local change = cjson.decode(ARGV[2])
local version = tonumber(redis.call('HGET', KEYS[1], 'version'))
if not version then
  -- It expired: its place in the index goes too.
  if KEYS[2] then redis.call('ZREM', KEYS[2], ARGV[1]) end
  return {'missing'}
end
if change.expect then
  local met = false
  for _, expected in ipairs(change.expect) do met = met or expected == version end
  if not met then return {'version', version} end
end
redis.call('DEL', KEYS[1])
if KEYS[2] then redis.call('ZREM', KEYS[2], ARGV[1]) end
for _, t in ipairs(change.touch) do redis.call('HINCRBY', t[1], t[2], t[3]) end
if change.news then news(change.news) end
return {'ok'}
