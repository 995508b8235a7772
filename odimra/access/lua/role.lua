-- Create a custom role, or delete one unless an account has it, and tell of it.
-- KEYS: 1 role. ARGV: 1 root of all keys, 2 id, 3 JSON {op, keep, limit, privileges} or {op, keep, expect?}
local root, id, c = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
local index, counts = root .. 'index:roles', root .. 'setting:account_counts'
local version = tonumber(redis.call('HGET', KEYS[1], 'version'))
-- As with accounts: a name that is used again goes on with versions that nobody has seen.
local last = tonumber(redis.call('HGET', counts, 'last:role') or '0')

local function told(message)
  news({stream = root .. 'events', keep = c.keep, message = message, resource_type = 'Role',
    resource = id})
end

if c.op == 'create' then
  if version then return {'exists'} end
  if redis.call('ZCARD', index) >= c.limit then return {'limit'} end
  redis.call('HSET', KEYS[1], 'privileges', c.privileges, 'version', last + 1)
  redis.call('ZADD', index, 0, id)
  told('ResourceCreated')
  return {'ok', redis.call('HGETALL', KEYS[1])}
end

if not version then return {'missing'} end
if c.expect then
  local met = false
  for _, expected in ipairs(c.expect) do met = met or expected == version end
  if not met then return {'version', version} end
end
local users = redis.call('HGET', counts, 'role:' .. id)
if tonumber(users or '0') > 0 then return {'used'} end
redis.call('HSET', counts, 'last:role', math.max(last, version))
redis.call('HDEL', counts, 'role:' .. id)
redis.call('DEL', KEYS[1])
redis.call('ZREM', index, id)
told('ResourceRemoved')
return {'ok', {}}
