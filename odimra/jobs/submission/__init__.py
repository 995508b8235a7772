"""Jobs that are submitted on demand, each once, and found again (Data One's Job Manager)."""
