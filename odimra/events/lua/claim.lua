-- Become the holder of a subscription's delivery, if it has none. The server's time counts, not that
-- of the hosts. KEYS: delivery, lease. ARGV: token, ms
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
