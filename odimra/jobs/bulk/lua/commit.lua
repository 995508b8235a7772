-- Do what some items come to: the records as they are to be, the outputs, the lists that expressions
-- hand on, and how far the run is by that, all of it or nothing. One whose answer was lost is sent
-- again, and done once.
-- ARGV: 2 number of the step, 3 root of all keys, 4 state, 5 counts of what follows, 6 bounds (records
-- of a type, items and bytes of data, bytes of console, events), 7 time in ms, then
--   writes: "<revision> <type> <id>" (no revision if it must not exist), text ("" to delete)
--   lines of console, as one text
--   items of data (of items and lines that are only counted the numbers are behind the counts)
--   items to hand on: number of the list, item
--   lists to begin anew
--   items that were taken: number of the list, how many
--   events: severity, record
-- Returns "ok", or "changed" or "limit" with the number of the write which that is about.
local root, number = ARGV[3], tonumber(ARGV[2])
if number <= tonumber(redis.call('HGET', KEYS[2], 'step') or '0') then return {'ok'} end
local writes, lines, items, pushes, resets, takes, events, hidden, quiet = string.match(ARGV[5],
  '(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)')
local records, most, bytes, console, keep = string.match(ARGV[6], '(%d+) (%d+) (%d+) (%d+) (%d+)')
local at = 8

local wanted, made = {}, {}
for write = 1, tonumber(writes) do
  local rev, kind, id = string.match(ARGV[at], '^(%d*) (%S+) (.*)$')
  if not record_is(root, kind, id, rev) then return {'changed', write} end
  if rev == '' then
    made[kind] = (made[kind] or redis.call('ZCARD', root .. 'records:' .. kind)) + 1
    if made[kind] > tonumber(records) then return {'limit', write} end
  end
  wanted[write] = {kind, id, rev, ARGV[at + 1]}
  at = at + 2
end
for _, one in ipairs(wanted) do write_record(root, one[1], one[2], one[3], one[4]) end

local run = redis.call('HMGET', KEYS[2], 'console_bytes', 'console_hidden', 'items', 'data_bytes',
  'data_hidden')
local function counted(place) return tonumber(run[place] or '0') end

-- What was left out once is followed by nothing: the reader has a beginning, and a number.
local size, unsaid = counted(1), counted(2)
if tonumber(lines) > 0 then
  local said, left = ARGV[at] .. '\n', 0
  if unsaid > 0 then
    said, left = '', tonumber(lines)
  elseif size + #said > tonumber(console) then
    -- As many whole lines as there is room for.
    local room, stop, kept = tonumber(console) - size, 0, 0
    while true do
      local ending = string.find(said, '\n', stop + 1, true)
      if not ending or ending > room then break end
      stop, kept = ending, kept + 1
    end
    said, left = string.sub(said, 1, stop), tonumber(lines) - kept
  end
  if said ~= '' then redis.call('APPEND', KEYS[3], said) end
  size, unsaid = size + #said, unsaid + left
end
unsaid = unsaid + quiet
at = at + 1

local shown, weight, unshown = counted(3), counted(4), counted(5)
for _ = 1, tonumber(items) do
  local item = ARGV[at]
  if unshown == 0 and shown < tonumber(most) and weight + #item <= tonumber(bytes) then
    redis.call('RPUSH', KEYS[4], item)
    shown, weight = shown + 1, weight + #item
  else
    unshown = unshown + 1
  end
  at = at + 1
end
unshown = unshown + hidden

-- Begun anew before anything is put into them, taken from after that.
local begin = at + pushes * 2
for reset = 1, tonumber(resets) do redis.call('UNLINK', KEYS[5] .. ARGV[begin + reset - 1]) end
for _ = 1, tonumber(pushes) do
  redis.call('RPUSH', KEYS[5] .. ARGV[at], ARGV[at + 1])
  at = at + 2
end
at = at + tonumber(resets)
for _ = 1, tonumber(takes) do
  redis.call('LTRIM', KEYS[5] .. ARGV[at], ARGV[at + 1], -1)
  at = at + 2
end
for _ = 1, tonumber(events) do
  redis.call('XADD', root .. 'events', 'MAXLEN', '~', keep, '*', 'registry', 'Odimra', 'message',
    'ScriptNotification', 'severity', ARGV[at], 'given', ARGV[at + 1], 'at', ARGV[7])
  at = at + 2
end

redis.call('HSET', KEYS[2], 'step', number, 'state', ARGV[4], 'console_bytes', size,
  'console_hidden', unsaid, 'items', shown, 'data_bytes', weight, 'data_hidden', unshown)
-- A run that gets on is none that costs one worker after another.
redis.call('HDEL', KEYS[1], 'interruptions')
return {'ok'}
