-- A wrong password was given: count it, and lock the account at the threshold.
-- KEYS: 1 account. ARGV: 1 root, 2 name, 3 now ms, 4 threshold, 5 duration ms, 6 reset after ms
local root, now = ARGV[1], tonumber(ARGV[3])
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local counter = root .. 'lockout:' .. ARGV[2]
local last = tonumber(redis.call('HGET', counter, 'at') or '0')
if now - last > tonumber(ARGV[6]) then redis.call('DEL', counter) end
local failures = redis.call('HINCRBY', counter, 'failures', 1)
redis.call('HSET', counter, 'at', now)
redis.call('PEXPIRE', counter, math.max(tonumber(ARGV[6]), 1000))
if failures < tonumber(ARGV[4]) then return 0 end
redis.call('DEL', counter)
local duration = tonumber(ARGV[5])
redis.call('HSET', KEYS[1], 'locked_until', duration == 0 and -1 or now + duration)
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 1
