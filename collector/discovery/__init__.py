"""Where targets come from: what is configured, and what a cluster runs. Jobs and objects in, targets out."""
