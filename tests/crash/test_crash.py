"""The crash matrix in short; `python -m tests.crash --kills 1000` is the long form.

What was acknowledged is readable, unaltered and once, and nothing else is.
"""

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import clocks, cuts, damage, disk, kills
from tests.crash.nursery import Nursery, nursery
from tests.crash.totals import Totals
from tests.peers import ClickHouseServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with nursery(tmp_path_factory.mktemp("nursery") / "nodes.log") as found:
        yield found


@pytest.fixture
def rng() -> random.Random:
    return random.Random(17)


def report(found: Totals) -> None:
    print(found)
    assert found.acknowledged > 0
    assert found.is_sound, str(found)


@pytest.mark.parametrize("every", [7])
def test_a_damaged_log_loses_the_damaged_record_alone_and_says_so(
    tmp_path: Path, rng: random.Random, every: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "swell")
    report(damage.run(tmp_path, rng, every))


def test_jumps_of_the_clock_lose_nothing_that_was_accepted(tmp_path: Path, rng: random.Random) -> None:
    report(clocks.run(tmp_path, rng))


def test_a_request_cut_at_any_byte_is_stored_whole_or_not_at_all(forks: Nursery, tmp_path: Path) -> None:
    report(cuts.run(forks, tmp_path))


def test_one_process_is_killed_under_load(forks: Nursery, tmp_path: Path, rng: random.Random) -> None:
    report(kills.embedded(forks, tmp_path, 4, rng))


@pytest.mark.peers
def test_a_fleet_and_its_clickhouse_are_killed_under_load(
    forks: Nursery, tmp_path: Path, rng: random.Random
) -> None:
    program = ClickHouseServer.program()
    if program is None:
        pytest.skip("clickhouse-server is not installed; Debian's package of that name has it")
    server = ClickHouseServer(tmp_path / "clickhouse", program)
    server.start()
    try:
        report(kills.fleet(forks, server, tmp_path, 16, rng))
    finally:
        server.stop()


def test_the_disk_fills_up_under_load_and_the_process_is_killed(
    forks: Nursery, tmp_path: Path, rng: random.Random
) -> None:
    with disk.small_disk(tmp_path / "probe") as problem:
        if problem:
            pytest.skip(f"a file system cannot be mounted here: {problem}")
    report(disk.run(forks, tmp_path, 4, rng))
