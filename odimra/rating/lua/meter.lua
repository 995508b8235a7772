-- Count what a machine has drawn since it was last looked at into the usage of the periods since then.
-- KEYS: 1 meter, 2 all periods. ARGV: 1 root of all keys, 2 scope, 3 what the point is known by,
-- 4 now and 5 the power now, in ms and milliwatts, 6 length of a period and 7 the longest time between
-- two looks in which nothing is guessed, in ms, 8 unit, 9 machine, 10 most periods of one step
-- Between two looks it has drawn the mean of both. Returns "ok", "more" (call again), "old" (a later
-- look is there already).
local now, power, period = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local m = redis.call('HMGET', KEYS[1], 'at', 'power', 'begin', 'energy', 'guessed', 'scope')
local at = m[1] and tonumber(m[1])
if at and now <= at then return 'old' end
if not at then
  -- The first look: what was before that nobody knows.
  redis.call('HSET', KEYS[1], 'at', now, 'power', power, 'scope', ARGV[2])
  return 'ok'
end
local mean = (tonumber(m[2]) + power) / 2
local guessed_now = now - at > tonumber(ARGV[7])
local begin, energy, guessed = tonumber(m[3] or '-1'), tonumber(m[4] or '0'), tonumber(m[5] or '0')
-- Whoever pays from now on does not pay for what another was to pay.
if m[6] ~= ARGV[2] then begin = -1 end
local left = tonumber(ARGV[10])
while at < now and left > 0 do
  left = left - 1
  local first = at - at % period
  local until_ = math.min(now, first + period)
  if begin ~= first then begin, energy, guessed = first, 0, 0 end
  energy = energy + mean * (until_ - at)
  if guessed_now then guessed = guessed + (until_ - at) end
  local of = ARGV[2] .. ':' .. string.format('%.0f', first / 1000)
  local usage, frame = ARGV[1] .. 'rating:usage:' .. of, ARGV[1] .. 'rating:frame:' .. of
  -- A kilowatt-hour has 3.6e12 of milliwatts times milliseconds.
  local qty = string.format('%.9f', energy / 3.6e12)
  local about = {machine = ARGV[9], guessed_seconds = string.format('%.0f', guessed / 1000)}
  local ends = first / 1000 + period / 1000
  redis.call('HSET', usage, ARGV[3], cjson.encode({ends, qty, ARGV[8], about}))
  redis.call('HINCRBY', usage, '#', 1)
  redis.call('HSET', frame, ARGV[3], cjson.encode({ends, qty, ARGV[8], about, '0'}))
  local start = string.format('%.0f', first / 1000)
  redis.call('ZADD', ARGV[1] .. 'rating:frames:' .. ARGV[2], start, start)
  redis.call('ZADD', KEYS[2], start, of)
  at = until_
end
redis.call('HSET', KEYS[1], 'at', string.format('%.0f', at), 'begin', begin, 'energy',
  string.format('%.0f', energy), 'guessed', guessed, 'scope', ARGV[2])
if at < now then return 'more' end
redis.call('HSET', KEYS[1], 'power', power)
return 'ok'
