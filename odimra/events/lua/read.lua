-- What is behind a place of the stream, and whether history was lost there. KEYS: stream
-- ARGV: cursor, entries at most
local function later(a, b)
  local a1, a2 = string.match(a, '^(%d+)-(%d+)$')
  local b1, b2 = string.match(b, '^(%d+)-(%d+)$')
  a1, b1 = tonumber(a1), tonumber(b1)
  return a1 > b1 or (a1 == b1 and tonumber(a2) > tonumber(b2))
end

-- History is cut at the old end: where the cursor's own entry is gone and all that is left is newer,
-- some between the two may be missing.
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local gap = first and later(first[1], ARGV[1]) and 1 or 0
return {gap, redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])}
