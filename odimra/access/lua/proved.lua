-- The right password was given. In this step, so that neither a lock nor another password that came
-- while it was being checked is overlooked; the wrong ones before it are forgotten.
-- KEYS: 1 account. ARGV: 1 root, 2 name, 3 now ms, 4 hash that the password was compared with
local account = redis.call('HMGET', KEYS[1], 'hash', 'enabled', 'locked_until')
if account[1] ~= ARGV[4] or account[2] ~= '1' then return 0 end
if tonumber(account[3] or '0') > tonumber(ARGV[3]) then return 0 end
redis.call('DEL', ARGV[1] .. 'lockout:' .. ARGV[2])
return 1
