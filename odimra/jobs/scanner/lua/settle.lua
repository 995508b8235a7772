-- Settle records: what a script has written, the stamp of completion, the end of the claim and the
-- counters are one step for each record. If anything it writes has changed meanwhile, nothing of
-- that record is done. One whose answer was lost is sent again, and settled once.
-- ARGV: 2 token, then for each record: position, counter ("" for none), key of its claim or "",
-- number of writes; for each write: key, index and highest deleted revision of its type, id,
-- revision ("" if it must not exist), text or "" to delete. Returns for each record "ok", "changed"
-- or "lost" (the claim is somebody else's).
local counted, at = {}, 3
local trimmed = tonumber(redis.call('HGET', KEYS[2], 'trimmed') or '0')

local function settled(position)
  return position < trimmed or redis.call('SISMEMBER', KEYS[4], position) == 1
end

-- As odimra/records/lua does it for one record: see there.
local function write(w)
  local key, index, deleted, id, rev, doc = unpack(ARGV, w, w + 5)
  if doc == '' then
    if tonumber(rev) > (tonumber(redis.call('GET', deleted)) or 0) then redis.call('SET', deleted, rev) end
    redis.call('DEL', key)
    redis.call('ZREM', index, id)
  elseif rev == '' then
    rev = string.format('%.0f', (tonumber(redis.call('GET', deleted)) or 0) + 1)
    redis.call('HSET', key, 'doc', doc, 'rev', rev)
    redis.call('ZADD', index, 0, id)
  else
    redis.call('HSET', key, 'doc', doc, 'rev', string.format('%.0f', rev + 1))
  end
end

local function settle(position, counter, claimed, first, count)
  if settled(position) then return 'ok' end
  if claimed ~= '' then
    local claim = redis.call('HGET', claimed, 'claim')
    -- Whoever deleted the record deleted the claim: what the script has to say of others stands.
    if claim and claim ~= ARGV[2] then counter = '' count = 0 claimed = '' end
    if not claim and redis.call('EXISTS', claimed) == 1 then counter = '' count = 0 claimed = '' end
  end
  for number = 0, count - 1 do
    local w = first + number * 6
    if (redis.call('HGET', ARGV[w], 'rev') or '') ~= ARGV[w + 4] then return 'changed' end
  end
  for number = 0, count - 1 do
    write(first + number * 6)
  end
  if claimed ~= '' then redis.call('HDEL', claimed, 'claim', 'lease') end
  if counter ~= '' then redis.call('HINCRBY', KEYS[2], counter, 1) end
  redis.call('SADD', KEYS[4], position)
  return counter == '' and 'lost' or 'ok'
end

while at <= #ARGV do
  local count = tonumber(ARGV[at + 3])
  counted[#counted + 1] = settle(tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2], at + 4, count)
  at = at + 4 + count * 6
end
while redis.call('SREM', KEYS[4], trimmed) == 1 do
  redis.call('LPOP', KEYS[3])
  trimmed = trimmed + 1
end
redis.call('HSET', KEYS[2], 'trimmed', trimmed)
-- A run that gets on is none that costs one worker after another.
redis.call('HDEL', KEYS[1], 'interruptions')
return counted
