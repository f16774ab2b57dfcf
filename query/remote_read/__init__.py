"""Remote read: raw samples for another Prometheus (prompb/remote.proto)."""
