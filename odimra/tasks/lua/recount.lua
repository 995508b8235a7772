-- Count the tasks of a part of the index anew, beside the counts that are in force.
-- KEYS[1] what is being counted, which nobody finds who does not count it. ARGV: root, first place,
-- how many. Returns how many it looked at.
local root, first = ARGV[1], tonumber(ARGV[2])
local ids = redis.call('ZRANGE', root .. 'index:tasks', first, first + ARGV[3] - 1)
for _, id in ipairs(ids) do
  local t = redis.call('HMGET', root .. 'task:' .. id, 'task_state', 'kind')
  if t[1] then redis.call('HINCRBY', KEYS[1], t[1] .. ' ' .. t[2], 1) end
end
redis.call('EXPIRE', KEYS[1], 3600)
return #ids
