"""How a native histogram differs from the one before it: counter resets, changes, hints."""
