-- Renew the lease and read on. KEYS: delivery, lease, stream. ARGV: token, ms, entries at most
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'lost'} end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
local d = redis.call('HMGET', KEYS[1], 'cursor', 'attempts', 'retry_at')
if not d[1] then return {'lost'} end

-- History is cut at the old end: where the cursor's own entry is gone and all that is left is newer,
-- some between the two may be missing.
local gap = 0
local first = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 1)[1]
if first and later(first[1], d[1]) then gap = 1 end
local entries = redis.call('XRANGE', KEYS[3], '(' .. d[1], '+', 'COUNT', ARGV[3])
return {'ok', d[1], d[2] or '0', d[3] or '0', gap, entries}
