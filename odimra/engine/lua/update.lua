-- Give a scheduled job another definition, if it is still of the expected revision; its schedule
-- begins anew. What was fired already goes on, and firings are numbered on.
-- KEYS: job, queue. ARGV: 1 id, 2 now, 3 revision or "", then fields and values
local rev = redis.call('HGET', KEYS[1], 'rev')
if not rev then return {'missing'} end
if ARGV[3] ~= '' and ARGV[3] ~= rev then return {'version', rev} end
redis.call('HDEL', KEYS[1], 'schedule', 'next', 'previous', 'paused', 'error', 'concurrent')
redis.call('HSET', KEYS[1], 'triggered', 0, unpack(ARGV, 4))
redis.call('HINCRBY', KEYS[1], 'rev', 1)
if redis.call('HEXISTS', KEYS[1], 'concurrent') == 1 then
  redis.call('HDEL', KEYS[1], 'running', 'check')
end
place(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
return {'ok', redis.call('HGETALL', KEYS[1])}
