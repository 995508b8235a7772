-- Read the usage of small periods at once; say of others how many points they have.
-- ARGV: 1 what the keys of usage begin with, 2 how many points a small period has, then when each
-- period begins
-- Returns for each period its names and values in turn, or a number.
local found = {}
for at = 3, #ARGV do
  local usage = ARGV[1] .. ARGV[at]
  local count = redis.call('HLEN', usage)
  found[at - 2] = count > tonumber(ARGV[2]) and count or redis.call('HGETALL', usage)
end
return found
