"""A protocol a module: a pure parser from bytes to `ingest.decoded.Decoded`, with its limits. No I/O."""
