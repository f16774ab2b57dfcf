"""Random expressions over random data, asked of Swell's engine and of a real Prometheus, compared."""
