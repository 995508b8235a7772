-- What every atomic step on tasks shares. The header that Python puts before this file defines
-- ALLOWED, FINAL, MAX_MESSAGES, MAX_EVENTS, PROGRESS_STEP, PROGRESS_MS, MAX_REACHED, and the functions of the
-- store's news.lua. ARGV[1] is the root of all keys, ARGV[2] the time in ms.
local root, now = ARGV[1], tonumber(ARGV[2])
local RANK = {OK = 0, Warning = 1, Critical = 2}
local WORD = {[0] = 'OK', [1] = 'Warning', [2] = 'Critical'}

-- What the caller is told besides the outcome: keys whose cached copies it must drop, and tasks
-- that it should hand to the engine ("<id>.<submission>").
local touched, wake = {}, {}

local function task_key(id) return root .. 'task:' .. id end
local function index_key(name) return root .. 'index:' .. name end
local function touch(key) touched[#touched + 1] = key end

-- tally.lua stands here

-- What is told of the scheduled job that a task is a run of, for what is told of the task.
local JOB_EVENT = {
  TaskStarted = {'JobStarted', 'OK'}, TaskProgressChanged = {'JobProgressChanged', 'OK'},
  TaskCompletedOK = {'JobCompletedOK', 'OK'}, TaskCompletedWarning = {'JobCompletedOK', 'OK'},
  TaskAborted = {'JobCompletedException', 'Warning'}, TaskCancelled = {'JobCancelled', 'Warning'},
  TaskPaused = {'JobSuspended', 'Warning'}, TaskResumed = {'JobResumed', 'OK'},
}

local function emit(what, severity, id, parent, percent, owner)
  local t = redis.call('HMGET', task_key(id), 'owner', 'run_of')
  redis.call('XADD', root .. 'events', 'MAXLEN', '~', MAX_EVENTS, '*', 'message', what,
    'severity', severity, 'task', id, 'parent', parent or '', 'percent', percent or '', 'at', now,
    'owner', owner or t[1])
  local job = t[2] and JOB_EVENT[what]
  if job then
    redis.call('XADD', root .. 'events', 'MAXLEN', '~', MAX_EVENTS, '*', 'registry', 'JobEvent',
      'message', job[1], 'severity', job[2], 'resource_type', 'Job', 'resource', t[2],
      'percent', percent or '', 'at', now, 'owner', t[1])
  end
end

-- Tell the progress of a task, if there is any that has not been told.
local function tell_progress(id, key, parent)
  redis.call('ZREM', root .. 'queue:progress', id)
  local t = redis.call('HMGET', key, 'percent_complete', 'told')
  if tonumber(t[1] or '0') <= tonumber(t[2] or '0') then return end
  redis.call('HSET', key, 'told', t[1], 'told_at', now)
  emit('TaskProgressChanged', 'OK', id, parent, t[1])
end

-- Progress is told in steps, and not too often; the sweep tells what has to wait. The step that
-- pauses or ends the task tells what is left, so that the last value is always told.
local function progress(id, key, parent, percent)
  local t = redis.call('HMGET', key, 'told', 'told_at')
  if percent - tonumber(t[1] or '0') < PROGRESS_STEP then return end
  local free = tonumber(t[2] or '0') + PROGRESS_MS
  if now >= free then tell_progress(id, key, parent)
  else redis.call('ZADD', root .. 'queue:progress', 'NX', free, id) end
end

local function append(key, severity, text, cleared)
  local count = redis.call('HINCRBY', key, 'messages', 1)
  redis.call('HSET', key, 'message:' .. count, text)
  if count > MAX_MESSAGES then redis.call('HDEL', key, 'message:' .. (count - MAX_MESSAGES)) end
  local rank = cleared and 0 or RANK[severity] or 0
  if rank > tonumber(redis.call('HGET', key, 'severity') or '0') then
    redis.call('HSET', key, 'severity', rank)
  end
end

-- A lifecycle message: into the task's Messages and onto the stream of events.
local function tell(key, id, parent, what, severity)
  -- The registry says that TaskResumed clears TaskPaused: a pause does not mark the outcome.
  append(key, severity, '{"i":"TaskEvent.1.0.' .. what .. '","s":"' .. severity .. '","a":["@"]}',
    what == 'TaskPaused')
  emit(what, severity, id, parent)
end

local function submission(key) return redis.call('HGET', key, 'submission') or '0' end

-- Interrupt the run of a task, wherever it is, because it is cancelled. A signal that
-- is lost costs time only: the worker looks by itself, and a dead one's successor does at once.
local function signal(id, key)
  redis.call('PUBLISH', root .. 'signal', id .. '.' .. submission(key))
end

-- Make a task due now; the caller hands it to the engine, the sweep does if the caller dies first.
local function resubmit(id)
  local key = task_key(id)
  local number = redis.call('HINCRBY', key, 'submission', 1)
  redis.call('HDEL', key, 'waiting_on')
  redis.call('ZADD', root .. 'queue:due', now + 2000, id)
  wake[#wake + 1] = id .. '.' .. number
  touch(key)
end

-- Let the longest-waiting task of a scope try again.
local function wake_one(scope)
  local line = root .. 'queue:wait:' .. scope
  local first = redis.call('ZPOPMIN', line)
  if first[1] then resubmit(first[1]) end
  if redis.call('EXISTS', line) == 0 then redis.call('HDEL', root .. 'queue:waiting', scope) end
end

local function leave_line(id, key)
  local scope = redis.call('HGET', key, 'waiting_on')
  if scope then redis.call('ZREM', root .. 'queue:wait:' .. scope, id) end
end

local function release(id, key)
  local held = redis.call('HGET', key, 'slots')
  if not held then return end
  redis.call('HDEL', key, 'slots')
  for scope in string.gmatch(held, '[^\n]+') do
    redis.call('SREM', root .. 'queue:slots:' .. scope, id)
    wake_one(scope)
  end
end

-- Drop the keys that a field of a task names: what its job kind keeps for it.
local function drop(key, field)
  for one in string.gmatch(redis.call('HGET', key, field) or '', '[^\n]+') do
    redis.call('UNLINK', one)
    touch(one)
  end
end

-- Remove a task, its sub-tasks and all that points to them.
local function remove(id)
  local key = task_key(id)
  local t = redis.call('HMGET', key, 'parent', 'owner', 'kind', 'children', 'task_state')
  drop(key, 'scratch')
  drop(key, 'keys')
  if t[4] then
    for _, child in ipairs(redis.call('ZRANGE', index_key('sub:' .. id), 0, -1)) do remove(child) end
    redis.call('DEL', index_key('sub:' .. id))
    touch(index_key('sub:' .. id))
  end
  leave_line(id, key)
  release(id, key)
  redis.call('ZREM', root .. 'queue:due', id)
  redis.call('ZREM', root .. 'queue:progress', id)
  if t[1] then
    redis.call('ZREM', index_key('sub:' .. t[1]), id)
    touch(index_key('sub:' .. t[1]))
    touch(task_key(t[1]))
  else
    local owner, kind = index_key('owner:' .. (t[2] or '')), index_key('kind:' .. (t[3] or ''))
    redis.call('ZREM', index_key('tasks'), id)
    redis.call('ZREM', index_key('completed'), id)
    redis.call('ZREM', owner, id)
    redis.call('ZREM', kind, id)
    touch(index_key('tasks')) touch(index_key('completed')) touch(owner) touch(kind)
    if t[5] then tally(t[3], t[5]) end
  end
  redis.call('DEL', key)
  touch(key)
  emit('TaskRemoved', 'Warning', id, t[1], nil, t[2])
end

-- follow.lua stands here
local STATE_MESSAGE = {
  Running = {'TaskStarted', 'OK'}, Service = {'TaskStarted', 'OK'},
  Suspended = {'TaskPaused', 'Warning'}, Interrupted = {'TaskPaused', 'Warning'},
  Exception = {'TaskAborted', 'Critical'}, Cancelled = {'TaskCancelled', 'Warning'},
}

local apply

-- Carry a sub-task's change up: percent is the mean, the parent ends when all have ended.
local function roll_up(parent, id, c, state, gained)
  local key = task_key(parent)
  if redis.call('EXISTS', key) == 0 then return end
  if gained > 0 then redis.call('HINCRBY', key, 'percent_sum', gained) end
  if FINAL[state] then
    redis.call('HINCRBY', key, 'children_final', 1)
    if state == 'Exception' then
      redis.call('HINCRBY', key, 'children_failed', 1)
      append(key, 'Critical', '{"i":"TaskEvent.1.0.TaskAborted","s":"Critical","a":["' .. id .. '"]}')
      -- And why, so that who follows the parent's monitor need not look for it.
      for _, message in ipairs(c.messages or {}) do
        if message[1] == 'Critical' then append(key, message[1], message[2]) end
      end
      if c.status and c.status > tonumber(redis.call('HGET', key, 'worst_status') or '0') then
        redis.call('HSET', key, 'worst_status', c.status)
      end
    elseif state == 'Cancelled' then
      redis.call('HINCRBY', key, 'children_cancelled', 1)
    elseif c.warned then
      append(key, 'Warning',
        '{"i":"TaskEvent.1.0.TaskCompletedWarning","s":"Warning","a":["' .. id .. '"]}')
    end
  end
  local p = redis.call('HMGET', key, 'task_state', 'children', 'children_final', 'children_failed',
    'children_cancelled', 'percent_sum', 'percent_complete', 'open')
  if FINAL[p[1]] then return end
  local change = {percent = math.floor(tonumber(p[6] or '0') / tonumber(p[2]))}
  if (p[1] == 'New' or p[1] == 'Pending') and state ~= 'Cancelled' and state ~= 'Pending' then
    apply(parent, {state = 'Running', percent = change.percent})
    p[1] = 'Running'
  end
  if p[3] == p[2] and not p[8] then
    change.state = p[4] and 'Exception' or p[5] and 'Cancelled' or 'Completed'
  elseif change.percent <= tonumber(p[7] or '0') then
    if FINAL[state] then redis.call('HINCRBY', key, 'version', 1) end
    touch(key)
    return
  end
  apply(parent, change)
end

-- Add up what has come together with time while a field had its old value, before it gets its new one.
local function add_up(key, tally, set, absent)
  local old = redis.call('HGET', key, tally.of) or (absent or {})[tally.of]
  if not old or old == set[tally.of] then return end
  local t = redis.call('HMGET', key, tally.at, tally.total)
  local at = tonumber(t[1] or tally.since)
  -- A clock that is behind takes nothing away.
  if now <= at then return end
  redis.call('HSET', key, tally.at, now, tally.total,
    string.format('%.0f', tonumber(t[2] or '0') + (tally.rates[old] or 0) * (now - at)))
end

-- The scheduled job that a task is a run of knows how that has ended, whatever becomes of the task.
local function settle(job, id, key, state, messages)
  local scheduled = root .. 'scheduled:' .. job
  if redis.call('EXISTS', scheduled) == 0 then return end
  redis.call('HSET', scheduled, 'outcome', state, 'ended', now)
  redis.call('HDEL', scheduled, 'reached', 'said')
  local reached = redis.call('HGET', key, 'checkpoint')
  if reached and #reached <= MAX_REACHED then redis.call('HSET', scheduled, 'reached', reached) end
  for _, message in ipairs(messages or {}) do
    if message[1] == 'Critical' then redis.call('HSET', scheduled, 'said', message[2]) end
  end
end

local function finish(id, key, t, c, state)
  local parent = t[4]
  tell_progress(id, key, parent)
  local severity = tonumber(redis.call('HGET', key, 'severity') or '0')
  if state == 'Completed' then
    c.warned = severity > 0
    if c.warned then tell(key, id, parent, 'TaskCompletedWarning', 'Warning')
    else tell(key, id, parent, 'TaskCompletedOK', 'OK') end
  else
    local message = STATE_MESSAGE[state]
    tell(key, id, parent, message[1], message[2])
    severity = tonumber(redis.call('HGET', key, 'severity'))
  end
  redis.call('HSET', key, 'end_time', now, 'task_status', WORD[severity])
  if t[8] then settle(t[8], id, key, state, c.messages) end
  leave_line(id, key)
  release(id, key)
  redis.call('ZREM', root .. 'queue:due', id)
  drop(key, 'scratch')
  redis.call('HDEL', key, 'checkpoint', 'desired', 'waiting_on', 'severity',
    'percent_sum', 'interruptions', 'seq', 'told', 'told_at', 'scratch', 'request')
  -- What is run again needs what it was made from, and numbers its hand-overs on.
  if redis.call('HEXISTS', key, 'again') == 0 then redis.call('HDEL', key, 'args', 'submission') end
  if not parent then
    redis.call('ZADD', index_key('completed'), now, id)
    touch(index_key('completed'))
  end
  for _, effect in ipairs(c.effects or {}) do
    if effect.tally then add_up(effect.key, effect.tally, effect.set, effect.absent) end
    local changed
    if effect.gone then changed = redis.call('UNLINK', effect.key) == 1
    else changed = put(effect.key, effect.set, effect.unset, effect.absent) end
    local place = effect.place
    if place then
      if place[3] then redis.call('ZADD', place[1], place[3], place[2])
      else redis.call('ZREM', place[1], place[2]) end
      touch(place[1])
    end
    if changed then
      if not effect.gone then redis.call('HINCRBY', effect.key, 'version', 1) end
      touch(effect.key)
      if effect.news then
        effect.news.stream, effect.news.keep = root .. 'events', MAX_EVENTS
        news(effect.news)
      end
    end
  end
end

-- Change a task as c says: state, percent, messages, checkpoint, result, fields, effects. Refuses a
-- stale epoch or version, a move that the table forbids, and whatever comes after the end.
function apply(id, c)
  local key = task_key(id)
  local t = redis.call('HMGET', key, 'task_state', 'epoch', 'percent_complete', 'parent', 'version',
    'remove', 'job', 'run_of', 'kind', 'start_time')
  if not t[1] then return 'missing' end
  if c.epoch and c.epoch ~= tonumber(t[2] or '0') then return 'fenced' end
  -- A worker numbers its steps: one whose acknowledgement was lost is sent again, and done once.
  if c.seq then
    if tonumber(redis.call('HGET', key, 'seq') or '-1') >= c.seq then return 'ok' end
    redis.call('HSET', key, 'seq', c.seq)
  end
  if FINAL[t[1]] then return 'final' end
  if c.version and c.version ~= tonumber(t[5]) then return 'version' end
  local state = c.state or t[1]
  if state ~= t[1] and not ALLOWED[t[1]][state] then return 'refused' end
  local old = tonumber(t[3] or '0')
  local percent = math.max(old, math.min(c.percent or 0, 100))
  if state == 'Completed' then percent = 100 end
  redis.call('HSET', key, 'task_state', state, 'percent_complete', percent)
  redis.call('HINCRBY', key, 'version', 1)
  touch(key)
  for _, field in ipairs({'checkpoint', 'result', 'created'}) do
    if c[field] then redis.call('HSET', key, field, c[field]) end
  end
  for _, message in ipairs(c.messages or {}) do append(key, message[1], message[2]) end
  local final = FINAL[state]
  if state ~= t[1] then
    if not t[4] then tally(t[9], t[1], state, t[10]) end
    if final then
      finish(id, key, t, c, state)
    elseif state == 'Running' and (t[1] == 'Suspended' or t[1] == 'Interrupted') then
      tell(key, id, t[4], 'TaskResumed', 'OK')
    elseif STATE_MESSAGE[state] then
      if t[1] == 'Running' then tell_progress(id, key, t[4]) end
      tell(key, id, t[4], STATE_MESSAGE[state][1], STATE_MESSAGE[state][2])
    end
  end
  if t[7] and state ~= t[1] then follow(t[7], state, c.messages) end
  if percent > old and not final then progress(id, key, t[4], percent) end
  if t[4] and (state ~= t[1] or percent > old) then roll_up(t[4], id, c, state, percent - old) end
  if final and t[6] then remove(id) end
  return 'ok'
end

-- Ask one task to end: at once when no work of it runs, else through its worker.
local function cancel(id)
  local key = task_key(id)
  local t = redis.call('HMGET', key, 'task_state', 'children')
  if not t[1] then return 'missing' end
  if FINAL[t[1]] then return 'final' end
  redis.call('HSET', key, 'desired', 'cancel')
  if t[2] then
    -- Cancelling first, so that the roll-up of the sub-tasks finds the parent on its way out.
    if t[1] ~= 'Cancelling' then apply(id, {state = 'Cancelling'}) end
    for _, child in ipairs(redis.call('ZRANGE', index_key('sub:' .. id), 0, -1)) do cancel(child) end
  elseif t[1] == 'New' or t[1] == 'Pending' or t[1] == 'Suspended' or t[1] == 'Interrupted' then
    apply(id, {state = 'Cancelled'})
  else
    if t[1] ~= 'Cancelling' then apply(id, {state = 'Cancelling'}) end
    signal(id, key)
  end
  local left = redis.call('HGET', key, 'task_state')
  return (not left or FINAL[left]) and 'ended' or 'cancelling'
end

local function answer(outcome, extra) return {outcome, touched, wake, extra or false} end
