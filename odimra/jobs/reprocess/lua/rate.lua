-- Replace the frames of periods with what they cost now, and say how far that is, all or nothing.
-- KEYS: 1 task, 2 what holds how far it is, 3 frames of the scope, 4 scope
-- ARGV: 1 epoch of the worker ("" if it works for no task), 2 root of all keys, 3 scope, 4 name of the
-- field that says how far it is, 5 what that has to be, 6 what it will be, then for each period
--   when it begins, the mark of its usage, and its points with their prices ("" for none)
-- Returns "ok", "fenced", "order" (somebody else was here), "inactive", or "changed" (more usage).
if ARGV[1] ~= '' then
  local t = redis.call('HMGET', KEYS[1], 'epoch', 'task_state')
  if t[1] ~= ARGV[1] or t[2] == 'Completed' or t[2] == 'Cancelled' or t[2] == 'Exception' then
    return 'fenced'
  end
end
if redis.call('HGET', KEYS[4], 'active') ~= '1' then return 'inactive' end
local now = redis.call('HGET', KEYS[2], ARGV[4]) or ''
-- Sent again because the answer was lost: it is done.
if now == ARGV[6] and ARGV[5] ~= ARGV[6] then return 'ok' end
if now ~= ARGV[5] then return 'order' end
local of_scope = ARGV[3] .. ':'
local at = 7
while at <= #ARGV do
  local mark = redis.call('HGET', ARGV[2] .. 'rating:usage:' .. of_scope .. ARGV[at], '#') or '0'
  if mark ~= ARGV[at + 1] then return 'changed' end
  at = at + 3
end
at = 7
while at <= #ARGV do
  local begin, points = ARGV[at], ARGV[at + 2]
  local frame = ARGV[2] .. 'rating:frame:' .. of_scope .. begin
  if points == '' then
    redis.call('DEL', frame)
    redis.call('ZREM', KEYS[3], begin)
  else
    local fields = redis.call('HLEN', frame)
    -- What was pushed since it was rated before is among these points.
    if fields > 1 then redis.call('DEL', frame) end
    if redis.call('HSET', frame, '=', points) == 1 and fields == 1 then
      redis.call('DEL', frame)
      redis.call('HSET', frame, '=', points)
    end
    if fields == 0 then redis.call('ZADD', KEYS[3], begin, begin) end
  end
  at = at + 3
end
redis.call('HSET', KEYS[2], ARGV[4], ARGV[6])
if ARGV[1] ~= '' then redis.call('HDEL', KEYS[1], 'interruptions') end
return 'ok'
