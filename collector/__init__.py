"""Collectors: read a node or a cluster, name what was read, push it to the ingestion service."""
