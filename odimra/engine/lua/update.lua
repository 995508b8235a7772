-- Give a scheduled job another definition, if it is still of the expected revision; its schedule
-- begins anew. What was fired already goes on, and firings are numbered on.
-- KEYS: job, queue. ARGV: 1 id, 2 now, 3 revision or "", 4 whose it is now or "", then fields and
-- values
local rev = redis.call('HGET', KEYS[1], 'rev')
if not rev then return {'missing'} end
if ARGV[3] ~= '' and ARGV[3] ~= rev then return {'version', rev} end
redis.call('HDEL', KEYS[1], 'schedule', 'next', 'previous', 'paused', 'error', 'concurrent',
  'cancelled', 'outcome', 'ended', 'reached', 'said')
redis.call('HSET', KEYS[1], 'triggered', 0, unpack(ARGV, 5))
redis.call('HINCRBY', KEYS[1], 'rev', 1)
if redis.call('HEXISTS', KEYS[1], 'concurrent') == 1 then
  redis.call('HDEL', KEYS[1], 'running', 'check')
end
if ARGV[4] ~= '' then
  local owner = redis.call('HGET', KEYS[1], 'owner')
  if owner and owner ~= ARGV[4] then redis.call('ZREM', MADE .. ':' .. owner, ARGV[1]) end
  redis.call('HSET', KEYS[1], 'owner', ARGV[4])
  redis.call('ZADD', MADE .. ':' .. ARGV[4], redis.call('ZSCORE', MADE, ARGV[1]) or ARGV[2], ARGV[1])
end
place(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
tell_news(KEYS[1], ARGV[1], 'ResourceChanged')
return {'ok', redis.call('HGETALL', KEYS[1])}
