-- Begin a run, or find out how far an earlier worker was. ARGV: 2 time in ms
redis.call('HSETNX', KEYS[2], 'since', ARGV[2])
return redis.call('HMGET', KEYS[2], 'since', 'step', 'state')
