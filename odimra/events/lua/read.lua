-- What is behind a place of the stream, and whether history was lost there. KEYS: stream
-- ARGV: cursor, entries at most
-- History is cut at the old end: where the cursor's own entry is gone and all that is left is newer,
-- some between the two may be missing.
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local gap = first and later(first[1], ARGV[1]) and 1 or 0
return {gap, redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])}
