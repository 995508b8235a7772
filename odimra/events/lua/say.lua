-- Append an event that tells of no change (a test). The time is the server's, as it is in the id.
-- KEYS: stream. ARGV: entries that the stream keeps, then names and values
local time = redis.call('TIME')
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'at',
  string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), unpack(ARGV, 2))
