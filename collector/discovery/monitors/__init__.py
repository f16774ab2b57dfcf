"""ServiceMonitor, PodMonitor and Probe objects as jobs, as the Prometheus Operator translates them."""
