-- Keep points of usage, and the same as they are rated by whoever pushes them.
-- KEYS: usage, frame, frames of the scope, all periods. ARGV: 1 when the period begins, 2 scope,
-- 3 how many points a period may have, then for each point what it is known by, its usage, itself rated
-- Returns "ok" or "limit", and then nothing is kept.
local more = 0
for at = 4, #ARGV, 3 do more = more + 1 - redis.call('HEXISTS', KEYS[1], ARGV[at]) end
local marked = redis.call('HEXISTS', KEYS[1], '#')
if redis.call('HLEN', KEYS[1]) - marked + more > tonumber(ARGV[3]) then return 'limit' end
for at = 4, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 2])
end
-- Whoever rates this period at the moment has not seen all of it.
redis.call('HINCRBY', KEYS[1], '#', 1)
redis.call('ZADD', KEYS[3], ARGV[1], ARGV[1])
redis.call('ZADD', KEYS[4], ARGV[1], ARGV[2] .. ':' .. ARGV[1])
return 'ok'
