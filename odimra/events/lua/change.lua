-- Change a subscription: fields, and where its delivery goes on when it is resumed.
-- KEYS: subscription, delivery, lease, stream
local version = tonumber(redis.call('HGET', KEYS[1], 'version'))
if not version then return {'missing'} end
if not holds(KEYS[3]) then return {'lost'} end
if not expected(version) then return {'version', version} end
local resumed = given.set.state == 'Enabled' and redis.call('HGET', KEYS[1], 'state') ~= 'Enabled'
local told
if put(KEYS[1], given.set) then
  redis.call('HINCRBY', KEYS[1], 'version', 1)
  told = emit(KEYS[4], 'ResourceChanged')
end
if resumed then
  redis.call('HDEL', KEYS[2], 'attempts', 'retry_at')
  -- Undelivered events older than that are left out on request.
  if given.skip_all then
    redis.call('HSET', KEYS[2], 'cursor', told)
  elseif given.skip_before then
    local cursor = redis.call('HGET', KEYS[2], 'cursor')
    if tonumber(string.match(cursor, '^%d+')) < given.skip_before then
      redis.call('HSET', KEYS[2], 'cursor', string.format('%.0f-0', given.skip_before))
    end
  end
end
return {'ok', redis.call('HGETALL', KEYS[1])}
