"""The operator's web page: static files, and a table that they read besides the other faces."""
