"""The composition root: settings, command line, wiring, authentication, Swell's own metrics."""
