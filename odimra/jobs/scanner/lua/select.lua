-- Add what a page of records selected. A page whose answer was lost is sent again, and added once.
-- ARGV: 2 id before the page, 3 last id of the page, 4 whether it is the last, then selected ids
if redis.call('HGET', KEYS[2], 'selected') then return 1 end
if (redis.call('HGET', KEYS[2], 'cursor') or '') ~= ARGV[2] then return 1 end
if #ARGV > 4 then
  redis.call('RPUSH', KEYS[3], unpack(ARGV, 5))
  redis.call('HINCRBY', KEYS[2], 'total', #ARGV - 4)
end
redis.call('HSET', KEYS[2], 'cursor', ARGV[3])
if ARGV[4] == '1' then redis.call('HSET', KEYS[2], 'selected', 1) end
return 1
