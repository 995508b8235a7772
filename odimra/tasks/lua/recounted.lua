-- Counts that were made anew are in force, and with them the format of the data that has them; unless
-- somebody else was quicker: the service may work by now. KEYS: the new counts, the counts, the mark of
-- the format. ARGV: the format before, the one after, who says so
local format = tonumber(redis.call('HGET', KEYS[3], 'format') or '1')
if format ~= tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[1])
  return 0
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[2])
  redis.call('PERSIST', KEYS[2])
else
  redis.call('DEL', KEYS[2])
end
redis.call('HSET', KEYS[3], 'format', ARGV[2], 'by', ARGV[3])
return 1
