"""Rules, the state of their alerts, and the notifiers that tell people."""
