"""What one machine tells of itself in /proc and /sys, under node_exporter's names and labels.

Each module owns one of node_exporter's collectors: pure parsers (text to readings) and a `read` of a few
lines that fetches the text. `sources` names them all.
"""
