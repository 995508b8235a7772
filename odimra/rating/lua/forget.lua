-- Forget the oldest periods: their usage and their frames. Returns how many there were.
-- KEYS: all periods. ARGV: 1 root of all keys, 2 when the first one begins that stays, 3 how many
local oldest = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])
for _, period in ipairs(oldest) do
  local scope, begin = string.match(period, '^(.*):(%-?%d+)$')
  redis.call('DEL', ARGV[1] .. 'rating:usage:' .. period, ARGV[1] .. 'rating:frame:' .. period)
  redis.call('ZREM', ARGV[1] .. 'rating:frames:' .. scope, begin)
  redis.call('ZREM', KEYS[1], period)
end
return #oldest
