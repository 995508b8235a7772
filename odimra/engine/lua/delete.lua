-- Remove a scheduled job, if it is still of the expected revision. What it started goes on.
-- KEYS: job, queue, index. ARGV: 1 id, 2 revision or "", 3 now
local rev = redis.call('HGET', KEYS[1], 'rev')
if not rev then return {'missing'} end
if ARGV[2] ~= '' and ARGV[2] ~= rev then return {'version', rev} end
local was = redis.call('HGETALL', KEYS[1])
forget(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[3])
return {'ok', was}
