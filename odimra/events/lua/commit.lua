-- Record that all up to an entry is done with; only the holder may. KEYS: delivery, lease
-- ARGV: token, ms, cursor
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[1], 'attempts', 'retry_at')

-- Never back: a subscription that was resumed meanwhile may leave out what was being delivered.
if later(ARGV[3], redis.call('HGET', KEYS[1], 'cursor')) then
  redis.call('HSET', KEYS[1], 'cursor', ARGV[3])
end
return 1
