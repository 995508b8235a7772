-- Remove a record if it is still of a revision, with its place in the index and all that is kept by it.
-- KEYS: record, index, highest revision that a deleted record of the type had
-- ARGV: 1 revision or "any", 2 id
local found = redis.call('HMGET', KEYS[1], 'rev', 'doc')
local rev = found[1]
if not rev then return {'missing'} end
if ARGV[1] ~= 'any' and ARGV[1] ~= rev then return {'moved'} end
if tonumber(rev) > (tonumber(redis.call('GET', KEYS[3])) or 0) then redis.call('SET', KEYS[3], rev) end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
return {'deleted', rev, found[2]}
