"""Unit tests of rules in promtool's file format (docs/configuration/unit_testing_rules.md of Prometheus)."""
