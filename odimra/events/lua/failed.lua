-- Record a delivery that failed, and when the next try is; only the holder may. KEYS: delivery, lease
-- ARGV: token, ms, failures so far, time of the next try, why, when
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[1], 'attempts', ARGV[3], 'retry_at', ARGV[4],
  'wrong', ARGV[5], 'wrong_at', ARGV[6])
return 1
