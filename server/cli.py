"""The `swell` command."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from alerts.unittest.run import run_files
from ingest import inspection
from server.auth import new_token
from server.run import EVERYTHING, Part, collect_node, serve
from server.settings import Settings, load
from storage.errors import ConfigError, Error, InputError

_USAGE: Final = """\
usage: swell COMMAND [--flag VALUE …]

  up             everything in one process: ingest, query, alerts, dashboards and this node's collector
  ingest         the write path, on a ClickHouse (--storage.url clickhouse://…)
  query          the PromQL API, likewise
  alerts         rules and notifications, likewise
  dashboards     the web application with its own PromQL API, likewise
  collect node   read this machine and push to --collect.url
  test rules     run files of unit tests of rules, in promtool's format
  wal inspect    say what the segments of a write-ahead log hold: swell wal inspect data/wal
  token          print a new bearer token

Every flag: swell up --help. Environment: SWELL_… ; file: --config FILE.
"""


def main() -> None:
    """Run the command that the process was started with; exit 2 on a wrong setting, 1 on a failure."""
    sys.exit(command(sys.argv[1:], os.environ))


def command(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one command and return the exit status."""
    name, rest = _split(argv)
    if name in ("", "help", "--help", "-h"):
        print(_USAGE, end="")
        return 0 if name else 2
    if name == "token":
        print(new_token())
        return 0
    if name == "test rules":
        return 0 if run_files([Path(word) for word in rest], sys.stdout) else 1
    if name == "wal inspect":
        return _inspect(rest)
    action = _ACTIONS.get(name)
    if action is None:
        print(f"swell: no command {name!r}\n\n{_USAGE}", end="", file=sys.stderr)
        return 2
    return _guarded(action, rest, environment)


def _inspect(directories: Sequence[str]) -> int:
    if not directories:
        print("swell wal inspect: no directory is named, expected one such as data/wal", file=sys.stderr)
        return 2
    try:
        for directory in directories:
            for line in inspection.lines(Path(directory)):
                print(line)
    except (InputError, OSError) as error:
        print(f"swell: {error}", file=sys.stderr)
        return 1
    return 0


def _split(argv: Sequence[str]) -> tuple[str, Sequence[str]]:
    if tuple(argv[:2]) in (("collect", "node"), ("test", "rules"), ("wal", "inspect")):
        return " ".join(argv[:2]), argv[2:]
    return (argv[0], argv[1:]) if argv else ("", argv)


def _guarded(
    action: Callable[[Settings, bool], None], rest: Sequence[str], environment: Mapping[str, str]
) -> int:
    once = "--once" in rest
    try:
        settings = load([word for word in rest if word != "--once"], environment)
        logging.basicConfig(
            level=settings.log_level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
        )
        # httpx tells of every request at this level.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        action(settings, once)
    except ConfigError as error:
        print(f"swell: {error}", file=sys.stderr)
        return 2
    except Error as error:
        print(f"swell: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


_ACTIONS: Final[Mapping[str, Callable[[Settings, bool], None]]] = {
    "up": lambda settings, _: serve(settings, EVERYTHING),
    "ingest": lambda settings, _: serve(settings, frozenset({Part.INGEST})),
    "query": lambda settings, _: serve(settings, frozenset({Part.QUERY})),
    "alerts": lambda settings, _: serve(settings, frozenset({Part.ALERTS})),
    "dashboards": lambda settings, _: serve(settings, frozenset({Part.QUERY, Part.DASHBOARDS})),
    "collect node": lambda settings, once: collect_node(settings, once=once),
}
