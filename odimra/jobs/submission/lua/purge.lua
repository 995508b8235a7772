-- Forget jobs that ended long ago, with their keys. ARGV: 1 root of all keys, 2 before when in ms,
-- 3 how many at most. Returns how many there were.
local ended = redis.call('ZRANGEBYSCORE', root .. 'jobs:ended', '-inf', '(' .. ARGV[2], 'LIMIT', 0,
  ARGV[3])
for _, number in ipairs(ended) do forget_job(number) end
return #ended
