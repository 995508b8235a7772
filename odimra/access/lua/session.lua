-- Open a session within the limits, note its use, close it, or purge those that have ended. The indexes
-- hold the time of the last use, so that a change of the timeout counts for all sessions at once. That one
-- is there or gone is told; each use is not. Before it comes the store's news.lua.
-- KEYS: 1 session. ARGV: 1 root of all keys, 2 open|use|close|purge, 3 id, 4 account, 5 now ms, 6 lifetime ms,
-- 7 how long the store keeps it ms, 8 JSON {per_account, altogether, hash, digest, fields} for open,
-- 9 how many entries the stream of events keeps
local root, op, id, now, lifetime = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[5]), tonumber(ARGV[6])
local all, by_id = root .. 'index:sessions', root .. 'session_id:' .. id
local own = all .. ':' .. ARGV[4]
local dead = now - lifetime

local function told(message, session, owner)
  news({stream = root .. 'events', keep = ARGV[9], message = message, resource_type = 'Session',
    resource = session, owner = owner})
end

local function close()
  redis.call('ZREM', all, id)
  redis.call('ZREM', own, id)
  redis.call('DEL', by_id)
  if redis.call('DEL', KEYS[1]) == 0 then return 'missing' end
  told('ResourceRemoved', id, ARGV[4])
  return 'ok'
end

-- A bounded number in one step; returns how many it were.
local function purge()
  local ended = redis.call('ZRANGEBYSCORE', all, '-inf', dead, 'LIMIT', 0, 100)
  for _, old in ipairs(ended) do
    local digest, account = redis.call('GET', root .. 'session_id:' .. old), false
    if digest then
      account = redis.call('HGET', root .. 'session:' .. digest, 'account')
      if account then redis.call('ZREM', all .. ':' .. account, old) end
      redis.call('DEL', root .. 'session:' .. digest, root .. 'session_id:' .. old)
    end
    redis.call('ZREM', all, old)
    -- Whose it was went with it if it expired first. No account has that name: only those are told
    -- who hear of everybody's.
    told('ResourceRemoved', old, account or '-')
  end
  return #ended
end

if op == 'close' then return close() end
if op == 'purge' then return purge() end

if op == 'use' then
  local used = tonumber(redis.call('HGET', KEYS[1], 'used'))
  if not used then return 'missing' end
  if used <= dead then
    close()
    return 'missing'
  end
  -- Clocks of two hosts differ: a use never makes a session older.
  if now > used then redis.call('HSET', KEYS[1], 'used', now) else now = used end
else
  local c = cjson.decode(ARGV[8])
  -- The account may have changed while its password was being checked.
  local account = redis.call('HMGET', root .. 'account:' .. ARGV[4], 'hash', 'enabled', 'locked_until')
  local locked = tonumber(account[3] or '0')
  if account[1] ~= c.hash or account[2] ~= '1' or locked > now then return 'account' end
  purge()
  redis.call('ZREMRANGEBYSCORE', own, '-inf', dead)
  if redis.call('ZCARD', own) >= c.per_account then return 'limit' end
  if redis.call('ZCOUNT', all, '(' .. dead, '+inf') >= c.altogether then return 'limit' end
  for field, value in pairs(c.fields) do redis.call('HSET', KEYS[1], field, value) end
  redis.call('HSET', KEYS[1], 'version', 1)
  redis.call('SET', by_id, c.digest)
  told('ResourceCreated', id, ARGV[4])
end
-- Relative, not at a time: the store's clock is not ours.
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('PEXPIRE', by_id, ARGV[7])
redis.call('ZADD', all, now, id)
redis.call('ZADD', own, now, id)
return 'ok'
