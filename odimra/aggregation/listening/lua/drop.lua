-- Give the lease of a source back; with `forget` all that is known of it goes, as the source has.
-- KEYS: leases, holders, subscription, resources, digests. ARGV: token, source, '1' to forget.
-- Returns 1 if it was the caller's, else 0.
if redis.call('HGET', KEYS[2], ARGV[2]) ~= ARGV[1] then return 0 end
redis.call('ZREM', KEYS[1], ARGV[2])
redis.call('HDEL', KEYS[2], ARGV[2])
if ARGV[3] == '1' then redis.call('UNLINK', KEYS[3], KEYS[4], KEYS[5]) end
return 1
