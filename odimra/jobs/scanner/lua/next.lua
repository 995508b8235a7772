-- Return ids that are to be worked on, with whether each is settled already. Positions count from
-- the first that was selected. ARGV: 2 position, 3 how many
local first = tonumber(ARGV[2]) - tonumber(redis.call('HGET', KEYS[2], 'trimmed') or '0')
local ids = redis.call('LRANGE', KEYS[3], first, first + tonumber(ARGV[3]) - 1)
local found = {}
for number, id in ipairs(ids) do
  found[number] = {id, redis.call('SISMEMBER', KEYS[4], tonumber(ARGV[2]) + number - 1)}
end
return found
