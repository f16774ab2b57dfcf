"""The API of Kubernetes, as far as a collector reads it."""
