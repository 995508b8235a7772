-- Become the holder of a subscription's delivery, if it has none, and learn how far that is. The
-- server's time counts, not that of the hosts. KEYS: delivery, lease. ARGV: token, ms
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
return redis.call('HMGET', KEYS[1], 'cursor', 'attempts', 'retry_at', 'heartbeat_at')
