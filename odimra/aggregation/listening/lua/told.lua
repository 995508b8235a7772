-- Put what a BMC tells on the stream, each event once, if who tells knows the secret.
-- KEYS: stream, what is known of the source's subscription, digests of what it has told by when each can
-- be forgotten, registries that BMCs use. ARGV: entries that the stream keeps, digest of the secret,
-- digests and registries kept at most, JSON [{digest?, keep_ms, registry, fields}, ...], how many one
-- BMC may tell in a minute. Returns how many were new, -1 if the secret is another one, -2 for too many.
if redis.call('HGET', KEYS[2], 'secret') ~= ARGV[2] then return -1 end
local minute = string.format('%.0f', math.floor(now / 60000))
if redis.call('HGET', KEYS[2], 'minute') ~= minute then
  redis.call('HSET', KEYS[2], 'minute', minute, 'count', 0)
end
-- The stream is everybody's: one BMC must not drive out what others have told.
if tonumber(redis.call('HGET', KEYS[2], 'count')) >= tonumber(ARGV[6]) then return -2 end
local new = 0
for _, event in ipairs(cjson.decode(ARGV[5])) do
  local known = event.digest and redis.call('ZSCORE', KEYS[3], event.digest)
  if not known or tonumber(known) <= now then
    say(KEYS[1], ARGV[1], event.fields)
    if redis.call('HLEN', KEYS[4]) < tonumber(ARGV[4]) then
      redis.call('HSETNX', KEYS[4], event.registry, 1)
    end
    new = new + 1
  end
  if event.digest then redis.call('ZADD', KEYS[3], now + event.keep_ms, event.digest) end
end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - ARGV[3])
redis.call('HINCRBY', KEYS[2], 'heard', 1)
redis.call('HINCRBY', KEYS[2], 'count', new)
return new
