-- Says that what is known of the resources of a source may be true no longer, unless it has been removed.
-- KEYS: source, edition.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('HINCRBY', KEYS[2], 'edition', 1)
