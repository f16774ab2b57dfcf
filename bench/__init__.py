"""Benchmarks. `python -m bench` runs Swell beside its peers and writes docs/performance.md."""
