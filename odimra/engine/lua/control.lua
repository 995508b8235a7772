-- Pause, resume, trigger or force scheduled jobs (forced: its run stands for the one to come); returns how many of them there are.
-- KEYS: queue, jobs. ARGV: 1 now, 2 what to do, 3 JSON of a request that may come again (see asked.lua)
-- or nothing, then the ids of the jobs
local found = 0
local asked = ARGV[3] ~= '' and cjson.decode(ARGV[3])
if asked then
  local outcome = asked_before(asked)
  if outcome then return outcome end
end
for i = 4, #ARGV do
  local key = KEYS[i - 2]
  if redis.call('EXISTS', key) == 1 then
    found = found + 1
    local resting = redis.call('HEXISTS', key, 'paused') == 1
    if ARGV[2] == 'pause' then
      redis.call('HSET', key, 'paused', 1)
      if not resting then tell(key, ARGV[i], 'JobSuspended', 'Warning', ARGV[1]) end
    elseif ARGV[2] == 'resume' then
      redis.call('HDEL', key, 'paused', 'error')
      if resting then tell(key, ARGV[i], 'JobResumed', 'OK', ARGV[1]) end
    else
      redis.call('HINCRBY', key, 'manual', 1)
      if ARGV[2] == 'force' then redis.call('HDEL', key, 'next') end
    end
    place(key, KEYS[1], ARGV[i], ARGV[1])
  end
end
if asked and found > 0 then note_asked(asked, tonumber(ARGV[1]), ARGV[4]) end
return found
