"""`python -m tests.promqltest FILE…`: runs .test files, by default on a store in a temporary directory."""

import argparse
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from query.engine import Engine
from query.limits import QueryLimits
from storage.catalogue import Catalogue
from storage.embedded import open_embedded
from storage.interface import Storage
from storage.server import open_server
from tests.promqltest.runner import Runner
from tests.promqltest.script import Eval, parse_script


def main() -> int:
    arguments = _arguments()
    if arguments.list:
        _list(arguments.files)
        return 0
    with _store(arguments.server) as open_tenant:
        prefix = f"promqltest_{secrets.token_hex(4)}_"
        runner = Runner(
            open_tenant,
            lambda storage: Engine(storage, Catalogue(storage), QueryLimits(delayed_names=True)),
            prefix,
        )
        counts = [_run(runner, path, arguments) for path in arguments.files]
    passed, failed = (sum(column) for column in zip(*counts, strict=True))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


@contextmanager
def _store(server: str | None) -> Iterator[Callable[[str], Storage]]:
    """Opens tenants: databases of a server, or of a directory that is gone afterwards."""
    if server is not None:
        yield lambda tenant: open_server(f"{server.rstrip('/')}/{tenant}")
        return
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        # Held open, so that the store is not started anew for each scope.
        keeper = open_embedded(root, "keeper")
        yield lambda tenant: open_embedded(root, tenant)
        keeper.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.promqltest", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--list", action="store_true", help="print the cases, run nothing")
    parser.add_argument("--quiet", action="store_true", help="print counts a file, not each failure")
    parser.add_argument(
        "--server", metavar="URL", help="clickhouse://user:password@host:port; databases are left there"
    )
    parser.add_argument("--reasons", action="store_true", help="count the failures by their first words")
    return parser.parse_args()


def _list(files: list[Path]) -> None:
    for path in files:
        for command in parse_script(path.read_text()):
            if isinstance(command, Eval):
                print(f"{path.name}:{command.line}: {command.expr}")


def _run(runner: Runner, path: Path, arguments: argparse.Namespace) -> tuple[int, int]:
    passed, failed, reasons = 0, 0, Counter[str]()
    for outcome in runner.run(path):
        if not outcome.reasons:
            passed += 1
            continue
        failed += 1
        reasons[outcome.reasons[0][:60]] += 1
        if not arguments.quiet:
            print(f"{outcome.file}:{outcome.line}: {outcome.expr}")
            for reason in outcome.reasons[:5]:
                print(f"    {reason}")
    if arguments.reasons:
        for reason, count in reasons.most_common():
            print(f"{count:5d}  {reason}")
    print(f"{path.name}: {passed} passed, {failed} failed")
    return passed, failed


if __name__ == "__main__":
    sys.exit(main())
