-- A wrong password was given: count it, and lock the account at the threshold.
-- KEYS: 1 account. ARGV: 1 root, 2 name, 3 now ms, 4 threshold, 5 duration ms, 6 reset after ms,
-- 7 hash that the password was compared with, 8 how many entries the stream of events keeps
local root, now = ARGV[1], tonumber(ARGV[3])
local account = redis.call('HMGET', KEYS[1], 'hash', 'enabled', 'locked_until')
-- Gone, changed or disabled meanwhile, or locked: there is nothing to guess at.
if account[1] ~= ARGV[7] or account[2] ~= '1' or tonumber(account[3] or '0') > now then return 0 end
local counter = root .. 'lockout:' .. ARGV[2]
local last = tonumber(redis.call('HGET', counter, 'at') or '0')
if now - last >= tonumber(ARGV[6]) then redis.call('DEL', counter) end
local failures = redis.call('HINCRBY', counter, 'failures', 1)
redis.call('HSET', counter, 'at', now)
redis.call('PEXPIRE', counter, math.max(tonumber(ARGV[6]), 1000))
if failures < tonumber(ARGV[4]) then return 0 end
redis.call('DEL', counter)
redis.call('HSET', KEYS[1], 'locked_until', now + tonumber(ARGV[5]))
redis.call('HINCRBY', KEYS[1], 'version', 1)
news({stream = root .. 'events', keep = ARGV[8], message = 'ResourceChanged',
  resource_type = 'ManagerAccount', resource = ARGV[2], owner = ARGV[2]})
return 1
