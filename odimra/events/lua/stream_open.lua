-- Open a stream of server-sent events: its EventDestination lives as long as the stream, and no longer
-- than the lease of the process that serves it. It starts behind the event of its own creation.
-- KEYS: subscription, index, hubs, streams of the hub, stream of events
if redis.call('ZCARD', KEYS[2]) >= given.limit then return {'limit'} end
for field, value in pairs(given.set) do redis.call('HSET', KEYS[1], field, value) end
redis.call('HSET', KEYS[1], 'version', 1)
redis.call('ZADD', KEYS[2], given.at, given.id)
redis.call('SADD', KEYS[4], given.id)
lease(KEYS[3])
return {'ok', emit(KEYS[5], 'ResourceCreated'), redis.call('HGETALL', KEYS[1])}
