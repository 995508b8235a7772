-- Change a scope. KEYS: scope. ARGV: 1 "1" or "0" for active or "" to leave it, 2 time in seconds,
-- then names and values. Returns all of it, nothing if there is none.
local active = redis.call('HGET', KEYS[1], 'active')
if not active then return {} end
if ARGV[1] ~= '' and ARGV[1] ~= active then
  redis.call('HSET', KEYS[1], 'active', ARGV[1], 'toggled', ARGV[2])
end
if #ARGV > 2 then redis.call('HSET', KEYS[1], unpack(ARGV, 3)) end
return redis.call('HGETALL', KEYS[1])
