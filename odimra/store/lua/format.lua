-- Which format the data is in; an empty store gets the newest. KEYS: the mark, and what stands in each
-- store that has ever been used. ARGV: the newest, who says so
local format = redis.call('HGET', KEYS[1], 'format')
if format then return {tonumber(format), redis.call('HGET', KEYS[1], 'by')} end
-- Before there was a mark, there was the first format.
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then return {1, ''} end
end
redis.call('HSET', KEYS[1], 'format', ARGV[1], 'by', ARGV[2])
return {tonumber(ARGV[1]), ARGV[2]}
