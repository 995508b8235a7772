"""What the service tells those who watch it: metrics for Prometheus, health, readiness."""
