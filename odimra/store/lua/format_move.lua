-- The data is in another format now, if it was in the expected one. KEYS[1] the mark. ARGV: the format it
-- was in, the one it is in, who says so
local format = tonumber(redis.call('HGET', KEYS[1], 'format') or '1')
if format ~= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'format', ARGV[2], 'by', ARGV[3])
return 1
