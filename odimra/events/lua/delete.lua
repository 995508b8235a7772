-- Remove a subscription with all that belongs to it; its holder's lease ends with it.
-- KEYS: subscription, delivery, lease, stream, index
local version = tonumber(redis.call('HGET', KEYS[1], 'version'))
if not version then return {'missing'} end
if not holds(KEYS[3]) then return {'lost'} end
if not expected(version) then return {'version', version} end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
redis.call('ZREM', KEYS[5], given.id)
emit(KEYS[4], 'ResourceRemoved')
return {'ok'}
