-- Remove a job that has ended, when its time has come.
-- KEYS: job, queue, index. ARGV: 1 id, 2 now
local at = redis.call('ZSCORE', KEYS[2], ARGV[1])
local j = redis.call('HMGET', KEYS[1], 'firing', 'running', 'manual', 'next', 'keep')
if not j[5] or j[1] or j[2] or j[3] or j[4] or not at or tonumber(at) > tonumber(ARGV[2]) then
  return {'lost'}
end
forget(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2])
return {'ok'}
