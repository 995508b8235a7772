-- Keep the claims of records whose scripts run still. KEYS from 5: the records.
-- ARGV: 2 token, 3 until when they hold
for number = 5, #KEYS do
  if redis.call('HGET', KEYS[number], 'claim') == ARGV[2] then
    redis.call('HSET', KEYS[number], 'lease', ARGV[3])
  end
end
return 1
