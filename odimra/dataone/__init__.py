"""The REST API of Data One's Job Manager: jobs that are submitted on demand, and found again."""
