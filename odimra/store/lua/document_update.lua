-- Change a versioned hash if it is still of an expected version; what changes nothing is no new version.
-- KEYS: document
-- ARGV: 1 ttl in ms or "", 2 JSON {set, unset, touch, expect?, absent?, news?}
local change = cjson.decode(ARGV[2])
local version = tonumber(redis.call('HGET', KEYS[1], 'version'))
if not version then return {'missing'} end
if change.expect then
  local met = false
  for _, expected in ipairs(change.expect) do met = met or expected == version end
  if not met then return {'version', version} end
end
if put(KEYS[1], change.set, change.unset, change.absent) then
  redis.call('HINCRBY', KEYS[1], 'version', 1)
  if change.news then news(change.news) end
end
if ARGV[1] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
for _, t in ipairs(change.touch) do redis.call('HINCRBY', t[1], t[2], t[3]) end
return {'ok', redis.call('HGETALL', KEYS[1])}
