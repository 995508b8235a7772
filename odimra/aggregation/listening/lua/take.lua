-- Become the holder of sources that have none. The server's time counts, not that of the hosts.
-- KEYS: leases, holders. ARGV: token, ms, how many at most, sources. Returns those that were taken.
local taken = {}
for i = 4, #ARGV do
  if #taken >= tonumber(ARGV[3]) then break end
  local ends = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if not ends or tonumber(ends) <= now then
    redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[i])
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[1])
    taken[#taken + 1] = ARGV[i]
  end
end
return taken
