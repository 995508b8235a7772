-- Cancel a scheduled job: it fires no more, until it is changed. A firing whose run is not started
-- never is; a run that goes on is the caller's affair.
-- KEYS: job, queue. ARGV: 1 id, 2 now
local key = KEYS[1]
local j = redis.call('HMGET', key, 'rev', 'firing', 'made', 'running', 'next', 'manual', 'cancelled')
if not j[1] then return {'missing'} end
if j[2] and tonumber(j[3] or '0') < tonumber(j[2]) then
  redis.call('HDEL', key, 'firing', 'by', 'scheduled', 'fired', 'lease', 'node')
  redis.call('HSET', key, 'made', j[2])
  j[2] = false
  j[5] = true
end
redis.call('HDEL', key, 'next', 'manual', 'paused', 'error')
local going = j[2] or j[4]
if not j[7] and (going or j[5] or j[6]) then
  redis.call('HSET', key, 'cancelled', ARGV[2])
  -- While a run goes on its end is told.
  if not going then tell(key, ARGV[1], 'JobCancelled', 'Warning', ARGV[2]) end
end
place(key, KEYS[2], ARGV[1], ARGV[2])
return {'ok', redis.call('HGETALL', key)}
