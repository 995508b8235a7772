-- The run that the next one must wait for has ended, or has not and is looked at later.
-- KEYS: job, queue. ARGV: 1 id, 2 now, 3 id of the run, 4 when to look again, or "" if it has ended
if redis.call('HGET', KEYS[1], 'running') ~= ARGV[3] then return {'lost'} end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'check', ARGV[4])
else redis.call('HDEL', KEYS[1], 'running', 'check', 'node') end
place(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return {'ok'}
