"""InfluxDB's line protocol."""
