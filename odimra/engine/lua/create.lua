-- Create a scheduled job with its places in index and queue.
-- KEYS: job, queue, index. ARGV: 1 id, 2 now, 3 how many there may be, then fields and values
if redis.call('EXISTS', KEYS[1]) == 1 then return {'exists'} end
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[3]) then return {'limit'} end
redis.call('HSET', KEYS[1], 'rev', 1, 'number', 0, 'triggered', 0, unpack(ARGV, 4))
redis.call('ZADD', KEYS[3], 0, ARGV[1])
place(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return {'ok', redis.call('HGETALL', KEYS[1])}
