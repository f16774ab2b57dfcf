"""`python -m server` is `swell`."""

from server.cli import main

main()
