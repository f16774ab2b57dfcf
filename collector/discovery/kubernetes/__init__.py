"""Kubernetes's objects as groups of targets, under the names of Prometheus's `kubernetes_sd_configs`."""
