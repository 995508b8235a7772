-- Keep the claims of records whose scripts run still.
-- ARGV: 2 token, 3 until when they hold, 4 what the keys of the records begin with, then their ids
for at = 5, #ARGV do
  if redis.call('HGET', ARGV[4] .. ARGV[at], 'claim') == ARGV[2] then
    redis.call('HSET', ARGV[4] .. ARGV[at], 'lease', ARGV[3])
  end
end
return 1
