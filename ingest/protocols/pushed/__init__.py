"""What jobs push as they push it to a Pushgateway: the path that names a group, and the metrics in it."""
