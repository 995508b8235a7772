-- A process tells what it has measured, and that it lives; by the server's time, and not for ever.
-- KEYS: what it tells, when each has. ARGV: the process, what it tells, seconds for which that is known
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[3] * 1000)
return 1
