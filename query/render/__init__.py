"""Answers as bytes: Prometheus's JSON and binary frames for charts."""
