"""The kinds of job that this service hosts, each with the REST API that its users know."""
