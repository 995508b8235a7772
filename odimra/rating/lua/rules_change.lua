-- Change rules if they are still of a revision. KEYS: rules
-- ARGV: 1 revision, 2 how many are written, then name and rule of each, then names that go
if (redis.call('HGET', KEYS[1], 'rev') or '0') ~= ARGV[1] then return 'moved' end
local at = 3
for _ = 1, tonumber(ARGV[2]) do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for gone = at, #ARGV do redis.call('HDEL', KEYS[1], ARGV[gone]) end
redis.call('HINCRBY', KEYS[1], 'rev', 1)
return 'ok'
