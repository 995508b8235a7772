-- A worker takes a firing over that another one took and did not acknowledge in time.
-- KEYS: job, queue. ARGV: 1 id, 2 now, 3 number of the firing, 4 until when it is this worker's,
-- 5 its name
local j = redis.call('HMGET', KEYS[1], 'firing', 'lease')
if j[1] ~= ARGV[3] or tonumber(j[2]) > tonumber(ARGV[2]) then return {'lost'} end
redis.call('HSET', KEYS[1], 'lease', ARGV[4], 'node', ARGV[5])
place(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return {'ok', redis.call('HGETALL', KEYS[1])}
