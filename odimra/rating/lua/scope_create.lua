-- Make a scope, with its place in the index. KEYS: scope, index, number of the last one
-- ARGV: 1 id, 2 how many there may be, then names and values
if redis.call('EXISTS', KEYS[1]) == 1 then return 'exists' end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[2]) then return 'limit' end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
return 'ok'
