-- Keep points of usage, and the same as they are rated by whoever pushes them.
-- KEYS: usage, frame, frames of the scope. ARGV: 1 when the period begins, then for each point
-- what it is known by, its usage, itself rated
for at = 2, #ARGV, 3 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 2])
end
-- Whoever rates this period at the moment has not seen all of it.
redis.call('HINCRBY', KEYS[1], '#', 1)
redis.call('ZADD', KEYS[3], ARGV[1], ARGV[1])
return 1
