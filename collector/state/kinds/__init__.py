"""The kinds of objects, a module each."""
