-- What the steps of a bulk run share. KEYS: 1 task, 2 run, 3 console, 4 data, 5 what the keys of lists
-- begin with. ARGV[1]: the epoch under which the worker has the task; a worker that was replaced, or
-- whose run has ended, changes nothing.
local function fenced()
  local t = redis.call('HMGET', KEYS[1], 'epoch', 'task_state')
  return t[1] ~= ARGV[1] or t[2] == 'Completed' or t[2] == 'Cancelled' or t[2] == 'Exception'
end
if fenced() then return false end
