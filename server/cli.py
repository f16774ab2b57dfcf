"""The `swell` command. What a command needs is loaded by that command: a collector stays small."""
# ruff: noqa: PLC0415 - so it is with every import within a function here

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from server.auth import new_token
from server.settings import Settings, load
from storage.errors import ConfigError, Error, InputError

_USAGE: Final = """\
usage: swell COMMAND [--flag VALUE …]

  up             everything in one process: ingest, query, alerts, dashboards and this node's collector
  ingest         the write path, on a ClickHouse (--storage.url clickhouse://…)
  query          the PromQL API, likewise
  alerts         rules and notifications, likewise
  dashboards     the web application with its own PromQL API, likewise
  collect node   read this machine and push to --collect.url; --once prints it instead
  collect cluster  what there is once in a Kubernetes cluster, likewise
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
        return _test_rules(rest)
    if name == "wal inspect":
        return _inspect(rest)
    action = _ACTIONS.get(name)
    if action is None:
        print(f"swell: no command {name!r}\n\n{_USAGE}", end="", file=sys.stderr)
        return 2
    return _guarded(action, rest, environment)


def _test_rules(files: Sequence[str]) -> int:
    from alerts.unittest.run import run_files

    return 0 if run_files([Path(word) for word in files], sys.stdout) else 1


def _inspect(directories: Sequence[str]) -> int:
    from ingest import inspection

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
    if tuple(argv[:2]) in (
        ("collect", "node"),
        ("collect", "cluster"),
        ("test", "rules"),
        ("wal", "inspect"),
    ):
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


def _serve(*names: str) -> Callable[[Settings, bool], None]:
    """Serves the parts of these names; all where none is named."""

    def action(settings: Settings, _: bool) -> None:
        from server.run import EVERYTHING, Part, serve

        serve(settings, frozenset(Part(name) for name in names) or EVERYTHING)

    return action


def _collect_node(settings: Settings, once: bool) -> None:
    from server.collect import collect_node

    collect_node(settings, once)


def _collect_cluster(settings: Settings, once: bool) -> None:
    from server.collect import collect_cluster

    collect_cluster(settings, once)


_ACTIONS: Final[Mapping[str, Callable[[Settings, bool], None]]] = {
    "up": _serve(),
    "ingest": _serve("ingest"),
    "query": _serve("query"),
    "alerts": _serve("alerts"),
    "dashboards": _serve("query", "dashboards"),
    "collect node": _collect_node,
    "collect cluster": _collect_cluster,
}
