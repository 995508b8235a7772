-- Settle records: what a script has written, the stamp of completion, the end of the claim and the
-- counters are one step for each record. If anything it writes has changed meanwhile, nothing of
-- that record is done. One whose answer was lost is sent again, and settled once.
-- ARGV: 2 root of all keys, 3 token, 4 what the keys of the records begin with, then for each record
-- "<position> <number of writes> <counter>" and the id that is claimed or "", and for each write:
-- type, id, revision ("" if it must not exist) and text ("" to delete).
-- Returns for each record "ok", "changed" or "lost" (the claim is somebody else's).
local root, token, records = ARGV[2], ARGV[3], ARGV[4]
local trimmed = tonumber(redis.call('HGET', KEYS[2], 'trimmed') or '0')

-- What this step settles, and how much it counts: written once, at its end.
local fresh, counts = {}, {}

local function settled(position)
  return position < trimmed or fresh[position] or redis.call('SISMEMBER', KEYS[4], position) == 1
end

local function settle(position, counter, claimed, first, count)
  if settled(position) then return 'ok' end
  local outcome = 'ok'
  if claimed then
    local claim = redis.call('HGET', claimed, 'claim')
    -- Whoever deleted the record deleted the claim: what the script has to say of others stands.
    if claim ~= token and (claim or redis.call('EXISTS', claimed) == 1) then
      outcome, counter, count, claimed = 'lost', '', 0, nil
    end
  end
  local last = first + (count - 1) * 4
  for at = first, last, 4 do
    if not record_is(root, ARGV[at], ARGV[at + 1], ARGV[at + 2]) then return 'changed' end
  end
  for at = first, last, 4 do
    write_record(root, ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3])
  end
  if claimed then redis.call('HDEL', claimed, 'claim', 'lease') end
  if counter ~= '' then counts[counter] = (counts[counter] or 0) + 1 end
  fresh[position] = true
  return outcome
end

local outcomes, at = {}, 5
while at <= #ARGV do
  local position, count, counter = string.match(ARGV[at], '^(%d+) (%d+) (%a*)$')
  position, count = tonumber(position), tonumber(count)
  local claimed = ARGV[at + 1] ~= '' and records .. ARGV[at + 1] or nil
  outcomes[#outcomes + 1] = settle(position, counter, claimed, at + 2, count)
  at = at + 2 + count * 4
end
-- Positions in order need not be remembered: the list begins behind them.
local before = trimmed
while fresh[trimmed] or redis.call('SREM', KEYS[4], trimmed) == 1 do
  fresh[trimmed] = nil
  trimmed = trimmed + 1
end
for position in pairs(fresh) do redis.call('SADD', KEYS[4], position) end
if trimmed > before then
  redis.call('LTRIM', KEYS[3], trimmed - before, -1)
  redis.call('HSET', KEYS[2], 'trimmed', trimmed)
end
for counter, count in pairs(counts) do redis.call('HINCRBY', KEYS[2], counter, count) end
-- A run that gets on is none that costs one worker after another.
redis.call('HDEL', KEYS[1], 'interruptions')
return outcomes
