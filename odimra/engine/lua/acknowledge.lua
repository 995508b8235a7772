-- A firing is done: its run is started, or cannot be. It does not matter which worker says so.
-- KEYS: job, queue. ARGV: 1 id, 2 now, 3 number of the firing, 4 id of the run or "", 5 when to look
-- whether it has ended
local key = KEYS[1]
if redis.call('HGET', key, 'firing') ~= ARGV[3] then return {'lost'} end
redis.call('HDEL', key, 'firing', 'by', 'scheduled', 'fired', 'lease')
-- A worker that comes late with it starts nothing any more.
redis.call('HSET', key, 'made', ARGV[3])
if ARGV[4] ~= '' then redis.call('HSET', key, 'last', ARGV[4]) end
if ARGV[4] ~= '' and redis.call('HEXISTS', key, 'concurrent') == 0 then
  redis.call('HSET', key, 'running', ARGV[4], 'check', ARGV[5])
else
  redis.call('HDEL', key, 'node')
end
place(key, KEYS[2], ARGV[1], ARGV[2])
return {'ok'}
