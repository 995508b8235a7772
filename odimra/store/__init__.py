"""Everything that speaks to Redis, and nothing else does."""
