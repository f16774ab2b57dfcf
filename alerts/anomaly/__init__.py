"""Rules on what is unusual, as rules on what is so: an expression, stepped by the one state machine."""
