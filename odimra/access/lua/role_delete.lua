-- Delete a custom role unless an account has it. KEYS: 1 role. ARGV: 1 root, 2 id, 3 JSON expect or ""
local root = ARGV[1]
local version = tonumber(redis.call('HGET', KEYS[1], 'version'))
if not version then return {'missing'} end
if ARGV[3] ~= '' then
  local met = false
  for _, expected in ipairs(cjson.decode(ARGV[3])) do met = met or expected == version end
  if not met then return {'version', version} end
end
local users = redis.call('HGET', root .. 'setting:account_counts', 'role:' .. ARGV[2])
if tonumber(users or '0') > 0 then return {'used'} end
redis.call('DEL', KEYS[1])
redis.call('ZREM', root .. 'index:roles', ARGV[2])
return {'ok'}
