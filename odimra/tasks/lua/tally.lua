-- How many top-level tasks of each kind are in each state; and of each minute how many began to work,
-- how many ended and how long those took, and how many there were when it was first looked at.
-- HISTORY_KEPT (seconds) and BUCKETS (buckets of duration to each doubling) come from the header.
local counts = root .. 'tally'

local function minute_key()
  return root .. 'history:' .. string.format('%.0f', math.floor(now / 60000))
end

local function note(field)
  local key = minute_key()
  if redis.call('HINCRBY', key, field, 1) == 1 then redis.call('EXPIRE', key, HISTORY_KEPT) end
end

-- What has ever been counted, for those who look at how it grows.
local function add_total(field, number) redis.call('HINCRBY', root .. 'totals', field, number) end

local WAITS = {New = true, Pending = true}
-- States in which a task that has waited works.
local WORKS = {Starting = true, Running = true, Service = true}

-- A task of a kind goes from a state into another: nil before it is there and after it is removed.
local function tally(kind, before, after, started)
  if before then
    local field = before .. ' ' .. kind
    if redis.call('HINCRBY', counts, field, -1) == 0 then redis.call('HDEL', counts, field) end
  end
  if not after then return end
  redis.call('HINCRBY', counts, after .. ' ' .. kind, 1)
  if WAITS[before] and WORKS[after] then
    note('began ' .. kind)
    add_total('began ' .. kind, 1)
  end
  if before and FINAL[after] then
    note('ended ' .. after .. ' ' .. kind)
    local took = math.max(0, now - tonumber(started))
    add_total('ended ' .. after .. ' ' .. kind, 1)
    add_total('took ' .. kind, took)
    note('took ' .. math.floor(BUCKETS * math.log(took + 1) / math.log(2) + 1e-9) .. ' ' .. kind)
  end
end

-- The first to look in a minute writes down how many there are.
local function sample()
  local key = minute_key()
  if redis.call('EXISTS', counts) == 0 or redis.call('HSETNX', key, 'sampled', now) == 0 then return end
  local all, among = redis.call('HGETALL', counts), {}
  for i = 1, #all, 2 do
    local state = string.match(all[i], '^%a+')
    among[state] = (among[state] or 0) + tonumber(all[i + 1])
  end
  for state, number in pairs(among) do redis.call('HSET', key, 'are ' .. state, number) end
  redis.call('EXPIRE', key, HISTORY_KEPT)
end
