"""Containers of a machine without Kubernetes, from control groups, under the names and labels of cAdvisor.

Where a kubelet is scraped this stays off: the kubelet's own cAdvisor knows the pods.
"""
