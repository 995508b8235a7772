-- Remove the EventDestination of a stream; whoever serves it hears of that by the event.
-- KEYS: subscription, index, streams of the hub, stream of events
local version = tonumber(redis.call('HGET', KEYS[1], 'version'))
if not version then return {'missing'} end
if not expected(version) then return {'version', version} end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], given.id)
redis.call('SREM', KEYS[3], given.id)
emit(KEYS[4], 'ResourceRemoved')
return {'ok'}
