"""The one seam to ClickHouse: model, schema, backends, series catalogue and retention.

Everybody reads and writes through `storage.interface`; only the composition root and tests name a backend.
"""
