"""Aggregations: many series to one a group, at every step."""

from query.aggregate.apply import aggregate

__all__ = ["aggregate"]
