"""Dashboards as documents: what one is, as text, and with its variables filled in."""
