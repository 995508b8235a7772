-- Keep the lease of a delivery, and learn how far it is: a subscription that was resumed may go on
-- elsewhere. KEYS: delivery, lease. ARGV: token, ms
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return false end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return redis.call('HMGET', KEYS[1], 'cursor', 'attempts', 'retry_at', 'heartbeat_at')
