-- Remove a scheduled job, if it is still of the expected revision. What it started goes on.
-- KEYS: job, queue, index. ARGV: 1 id, 2 revision or ""
local rev = redis.call('HGET', KEYS[1], 'rev')
if not rev then return {'missing'} end
if ARGV[2] ~= '' and ARGV[2] ~= rev then return {'version', rev} end
local was = redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return {'ok', was}
