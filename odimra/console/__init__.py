"""The operator's web page: static files, and the one table that they read besides the other faces."""
