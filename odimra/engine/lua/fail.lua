-- A job cannot be run: it rests until it is changed or resumed.
-- KEYS: job, queue. ARGV: 1 id, 2 now, 3 revision, 4 why
if redis.call('HGET', KEYS[1], 'rev') ~= ARGV[3] then return {'lost'} end
redis.call('HSET', KEYS[1], 'error', ARGV[4])
place(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return {'ok'}
