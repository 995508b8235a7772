-- Create, change or delete an account in one step with all that hangs on it: its place in the index,
-- the count of each role's accounts, the count of enabled administrators, its sessions; and tell of
-- each resource that it makes another. Before it comes the store's news.lua.
-- KEYS: 1 account. ARGV: 1 root of all keys, 2 JSON
--   {op, name, keep, limit, expect?, set?, unset?, role_known?, end_sessions?, keep_session?}
local root, c = ARGV[1], cjson.decode(ARGV[2])
local index, counts = root .. 'index:accounts', root .. 'setting:account_counts'
local t = redis.call('HMGET', KEYS[1], 'version', 'role', 'enabled')
local old_role, old_enabled = t[2] or nil, t[3] or nil

if c.op == 'create' then
  if t[1] then return {'exists'} end
  if redis.call('ZCARD', index) >= c.limit then return {'limit'} end
else
  if not t[1] then return {'missing'} end
  if c.expect then
    local met = false
    for _, expected in ipairs(c.expect) do met = met or expected == tonumber(t[1]) end
    if not met then return {'version', t[1]} end
  end
end

local role, enabled = old_role, old_enabled
if c.op == 'delete' then
  role, enabled = nil, nil
else
  role, enabled = c.set.role or old_role, c.set.enabled or old_enabled
  -- In this step, so that a role cannot be deleted between a look and the write.
  if c.set.role and not c.role_known and redis.call('EXISTS', root .. 'role:' .. c.set.role) == 0 then
    return {'role'}
  end
end

local function administers(r, e) return (r == 'Administrator' and e == '1') and 1 or 0 end
local change = administers(role, enabled) - administers(old_role, old_enabled)
local administrators = tonumber(redis.call('HGET', counts, 'enabled:Administrator') or '0')
if change < 0 and administrators + change < 1 then return {'last'} end
if change ~= 0 then redis.call('HINCRBY', counts, 'enabled:Administrator', change) end
if old_role ~= role then
  if old_role then redis.call('HINCRBY', counts, 'role:' .. old_role, -1) end
  if role then redis.call('HINCRBY', counts, 'role:' .. role, 1) end
end

local function told(message, resource_type, resource)
  news({stream = root .. 'events', keep = c.keep, message = message, resource_type = resource_type,
    resource = resource, owner = c.name})
end

-- Digests of the sessions that end, so that the caller drops its copies.
local ended = {}
if c.end_sessions or c.op == 'delete' then
  local all = root .. 'index:sessions'
  local own = all .. ':' .. c.name
  for _, id in ipairs(redis.call('ZRANGE', own, 0, -1)) do
    if id ~= c.keep_session then
      local digest = redis.call('GET', root .. 'session_id:' .. id)
      if digest then
        redis.call('DEL', root .. 'session:' .. digest, root .. 'session_id:' .. id)
        ended[#ended + 1] = digest
        told('ResourceRemoved', 'Session', id)
      end
      redis.call('ZREM', all, id)
      redis.call('ZREM', own, id)
    end
  end
end

-- A name that is used again goes on with versions that nobody has seen: an ETag of the account that
-- was is not one of the account that is.
local last = tonumber(redis.call('HGET', counts, 'last:account') or '0')
if c.op == 'delete' then
  redis.call('HSET', counts, 'last:account', math.max(last, tonumber(t[1])))
  redis.call('DEL', KEYS[1], root .. 'lockout:' .. c.name)
  redis.call('ZREM', index, c.name)
  told('ResourceRemoved', 'ManagerAccount', c.name)
  return {'ok', {}, ended}
end
local changed = put(KEYS[1], c.set, c.unset)
if c.unlock then redis.call('DEL', root .. 'lockout:' .. c.name) end
if c.op == 'create' then
  redis.call('HSET', KEYS[1], 'version', last + 1)
  redis.call('ZADD', index, 0, c.name)
  told('ResourceCreated', 'ManagerAccount', c.name)
elseif changed then
  redis.call('HINCRBY', KEYS[1], 'version', 1)
  told('ResourceChanged', 'ManagerAccount', c.name)
end
return {'ok', redis.call('HGETALL', KEYS[1]), ended}
