-- Read records with what is kept by them, in one step instead of a command for each.
-- ARGV: 1 what the keys of the records begin with, then their ids
local found = {}
for at = 2, #ARGV do
  found[at - 1] = redis.call('HMGET', ARGV[1] .. ARGV[at], 'doc', 'rev', 'claim', 'lease')
end
return found
