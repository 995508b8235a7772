-- How far deliveries are behind the end of the stream; changes nothing. KEYS: stream, then delivery
-- and lease of each subscription. ARGV: entries that are counted at most, of all together
-- Returns of each: entries behind its place and whether there are more, milliseconds since the oldest of
-- them, failures in a row, time of the next try, why the last failed and when, whether somebody has it.
local most, found, order = tonumber(ARGV[1]), {}, {}
-- Entries are named by the server's time.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 2, #KEYS, 2 do
  local d = redis.call('HMGET', KEYS[i], 'cursor', 'attempts', 'retry_at', 'wrong', 'wrong_at')
  local one = {0, 0, 0, d[2] or 0, d[3] or 0, d[4] or '', d[5] or 0, redis.call('EXISTS', KEYS[i + 1])}
  found[#found + 1] = one
  if d[1] then
    local next_one = redis.call('XRANGE', KEYS[1], '(' .. d[1], '+', 'COUNT', 1)[1]
    if next_one then
      one[3] = math.max(0, now - tonumber(string.match(next_one[1], '^%d+')))
      order[#order + 1] = {d[1], one}
    end
  end
end
-- All are places on one stream: what is between two of them is counted once.
table.sort(order, function(a, b) return a[1] ~= b[1] and later(a[1], b[1]) end)
local upto, sum, more = '+', 0, 0
for _, place in ipairs(order) do
  if more == 0 and place[1] ~= upto then
    local part = #redis.call('XRANGE', KEYS[1], '(' .. place[1], upto, 'COUNT', most - sum + 1)
    if sum + part > most then part, more = most - sum, 1 end
    sum, upto = sum + part, place[1]
  end
  place[2][1], place[2][2] = sum, more
end
return found
