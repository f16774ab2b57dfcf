"""Text protocols: numbers and labels read from bytes."""
