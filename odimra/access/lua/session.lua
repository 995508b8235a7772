-- Open a session within the limits, use it, or close it; the indexes know when each one ends.
-- KEYS: 1 session. ARGV: 1 root, 2 open|use|close, 3 id, 4 account, 5 now ms, 6 end ms, 7 per account,
-- 8 altogether, 9 JSON of the fields
local root, op, id, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5])
local all = root .. 'index:sessions'
local own = all .. ':' .. ARGV[4]
if op == 'close' then
  redis.call('ZREM', all, id)
  redis.call('ZREM', own, id)
  return redis.call('DEL', KEYS[1]) == 1 and 'ok' or 'missing'
end
if op == 'use' then
  if redis.call('EXISTS', KEYS[1]) == 0 then return 'missing' end
  redis.call('HSET', KEYS[1], 'used', now)
else
  redis.call('ZREMRANGEBYSCORE', all, '-inf', now)
  redis.call('ZREMRANGEBYSCORE', own, '-inf', now)
  if redis.call('ZCARD', own) >= tonumber(ARGV[7]) then return 'limit' end
  if redis.call('ZCARD', all) >= tonumber(ARGV[8]) then return 'limit' end
  -- The account may have gone since its password was checked.
  if redis.call('EXISTS', root .. 'account:' .. ARGV[4]) == 0 then return 'account' end
  for field, value in pairs(cjson.decode(ARGV[9])) do redis.call('HSET', KEYS[1], field, value) end
  redis.call('HSET', KEYS[1], 'version', 1)
end
redis.call('PEXPIREAT', KEYS[1], ARGV[6])
redis.call('ZADD', all, ARGV[6], id)
redis.call('ZADD', own, ARGV[6], id)
return 'ok'
