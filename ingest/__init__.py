"""The write path: protocols -> pipeline -> write-ahead log -> writer -> storage."""
