-- Renew the lease of all streams of a hub; 0 when it had none any more. KEYS: hubs
if not redis.call('ZSCORE', KEYS[1], given.hub) then return 0 end
lease(KEYS[1])
return 1
