-- Create a subscription. It starts behind the event that tells of its own creation, so that it
-- hears nothing of what was before, and its cursor names an entry that exists.
-- KEYS: subscription, index, delivery, stream
if redis.call('ZCARD', KEYS[2]) >= given.limit then return {'limit'} end
for field, value in pairs(given.set) do redis.call('HSET', KEYS[1], field, value) end
redis.call('HSET', KEYS[1], 'version', 1)
redis.call('ZADD', KEYS[2], given.at, given.id)
redis.call('HSET', KEYS[3], 'cursor', emit(KEYS[4], 'ResourceCreated'))
-- Kept with the cursor, so that whoever delivers next goes on with it.
if given.heartbeat_at then
  redis.call('HSET', KEYS[3], 'heartbeat_at', string.format('%.0f', given.heartbeat_at))
end
return {'ok', redis.call('HGETALL', KEYS[1])}
