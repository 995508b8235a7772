-- How many periods from the first on have no more points together than fit; one at least.
-- ARGV: 1 what the keys of their usage begin with, 2 how many points fit, then when each begins
local left = tonumber(ARGV[2])
for at = 3, #ARGV do
  left = left - redis.call('HLEN', ARGV[1] .. ARGV[at])
  if left < 0 then return math.max(1, at - 3) end
end
return #ARGV - 2
