-- Who has told something lately; changes nothing. KEYS[1] when each has. ARGV: how many at most
-- Returns of each its name and milliseconds since then, by the server's time.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')
for i = 2, #found, 2 do found[i] = now - found[i] end
return found
