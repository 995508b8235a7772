-- Read on behind a place in the stream of events. KEYS: stream of events. ARGV: place, entries at most
-- Returns whether some between the place and the entries may be missing, where the stream is known
-- from, and the entries.
local entries = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
if #entries > 0 then
  -- History is cut at the old end: where all that is left is newer than the place, some may be gone.
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  return {later(first[1], ARGV[1]) and 1 or 0, ARGV[1], entries}
end
-- A place that is later than the end is of another history than this one: the server lost its own.
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if last and later(ARGV[1], last[1]) then return {1, last[1], entries} end
return {0, ARGV[1], entries}
