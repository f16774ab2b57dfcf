"""One module a protocol: its routes at the HTTP edge."""
