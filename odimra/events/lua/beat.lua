-- Record a heartbeat that was delivered, and when the next is due; only the holder may.
-- KEYS: delivery, lease. ARGV: token, ms, time of the next
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[1], 'heartbeat_at', ARGV[3])
redis.call('HDEL', KEYS[1], 'attempts', 'retry_at')
return 1
