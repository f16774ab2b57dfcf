"""Grafana's dashboards: read into our own documents, with a report of what was lost, and written."""
