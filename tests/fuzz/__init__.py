"""Every parser against bytes that nobody meant: `python -m tests.fuzz NAME SECONDS`."""
