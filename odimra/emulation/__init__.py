"""BMCs and tasks that do not exist: scenarios and fleets."""
