-- Remove streams whose process has died, no more than given.most at once. Returns their ids.
-- KEYS: hubs, index, stream of events
local gone = {}
for _, hub in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now(), 'LIMIT', 0, given.most)) do
  local streams = given.streams .. hub
  for _, id in ipairs(redis.call('SPOP', streams, given.most - #gone)) do
    redis.call('DEL', given.subscriptions .. id)
    redis.call('ZREM', KEYS[2], id)
    given.id = id
    emit(KEYS[3], 'ResourceRemoved')
    gone[#gone + 1] = id
  end
  if redis.call('EXISTS', streams) == 1 then break end
  redis.call('ZREM', KEYS[1], hub)
end
return gone
