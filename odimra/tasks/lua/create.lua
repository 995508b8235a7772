-- Create a task and its sub-tasks, with their places in the indexes and in the engine's outbox; at the
-- cap the oldest completed task makes room in this same step.
-- ARGV: 3 cap, 4 policy, 5 first resubmission in ms from now, 6 JSON {task, subtasks,
-- once or absent, replace or absent, asked (see asked.lua) or absent, guards}. Before this file comes
-- what fills guards: functions that say why not, or nil and what notes something in this step.
local new = cjson.decode(ARGV[6])
local tasks = index_key('tasks')

local function insert(one, parent, ordinal)
  local key = task_key(one.id)
  redis.call('HSET', key, unpack(one.fields))
  if parent then
    redis.call('ZADD', index_key('sub:' .. parent), ordinal, one.id)
  else
    local owner, kind = index_key('owner:' .. one.owner), index_key('kind:' .. one.kind)
    redis.call('ZADD', tasks, now, one.id)
    redis.call('ZADD', owner, now, one.id)
    redis.call('ZADD', kind, now, one.id)
    touch(tasks) touch(owner) touch(kind)
    tally(one.kind, nil, 'New')
  end
  if one.leaf then
    if one.delay then
      -- The sweep hands it over when its time has come.
      redis.call('ZADD', root .. 'queue:due', now + one.delay, one.id)
    else
      redis.call('ZADD', root .. 'queue:due', now + tonumber(ARGV[5]), one.id)
      wake[#wake + 1] = one.id .. '.' .. (one.submission or 0)
    end
  end
end

-- A request that has come again begins nothing: whatever there is by now, it was the one.
if new.asked then
  local outcome, began = asked_before(new.asked)
  if outcome then return answer(outcome, {began}) end
end
-- A mark says that the task was created already, whether or not it is there still.
local once = new.once
if once and (redis.call('EXISTS', once[1]) == 0
    or tonumber(redis.call('HGET', once[1], once[2]) or '0') >= once[3]) then
  return answer('exists')
end
if redis.call('HGET', root .. 'setting:task_service', 'enabled') == 'false' then
  return answer('disabled')
end
-- Whoever wants something noted in the same step may also have reasons against it.
local notes = {}
for at, guard in ipairs(guards) do
  local refused, note = guard(new.guards[at])
  if refused then return answer('guarded', refused) end
  notes[#notes + 1] = note
end
local before = redis.call('HMGET', task_key(new.task.id), 'task_state', 'epoch', 'submission')
if before[1] then
  if not (new.replace and FINAL[before[1]]) then return answer('exists') end
  remove(new.task.id)
  -- Numbered on from there: workers and hand-overs of the one that had this name are not its own.
  local fields, again = new.task.fields, tonumber(before[3] or '0') + 1
  for _, one in ipairs({'epoch', (before[2] or 0) + 1, 'submission', again}) do
    fields[#fields + 1] = one
  end
  new.task.submission = again
end
local cap = tonumber(ARGV[3])
-- More than one leaves only after the cap was lowered; bounded, so that no create takes long.
for _ = 1, 10 do
  if redis.call('ZCARD', tasks) < cap then break end
  if ARGV[4] ~= 'Oldest' then return answer('full') end
  local oldest = redis.call('ZRANGE', index_key('completed'), 0, 0)[1]
  if not oldest then return answer('full') end
  remove(oldest)
end
if once then redis.call('HSET', once[1], once[2], once[3]) end
if new.asked then note_asked(new.asked, now, new.task.id) end
for _, note in ipairs(notes) do note() end
insert(new.task)
local job = new.task.run_of and root .. 'scheduled:' .. new.task.run_of
if job and redis.call('EXISTS', job) == 1 then redis.call('HSET', job, 'last', new.task.id) end
for ordinal, one in ipairs(new.subtasks) do insert(one, new.task.id, ordinal) end
return answer('ok')
