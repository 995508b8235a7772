"""From a change of a task to the subscriber that hears of it."""
