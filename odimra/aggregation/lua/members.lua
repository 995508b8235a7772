-- Notes what a source has, unless it has been removed meanwhile.
-- KEYS: source, members. ARGV: id of the source, its members as JSON.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1
