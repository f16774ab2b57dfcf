"""Files that other programs leave: what is read, what is refused, and that the rest is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.families import Reading
from collector.node.choice import NodeChoice
from collector.node.reader import NodeReader
from collector.node.roots import Roots
from collector.node.sources import node_sources
from collector.node.textfile import TextFiles, parse
from tests.collector.samples import Series, of_exposition, of_readings

# node_exporter invents the sum and the count of a summary that a file gives without.
INVENTED = {
    (f"prometheus_rule_evaluation_duration_seconds_{part}", (("handler", "foo"), ("rule_type", "alerting")))
    for part in ("sum", "count")
}


def read(*directories: Path | str) -> list[Reading]:
    return TextFiles(tuple(map(str, directories)))(Roots())


def without_times(samples: dict[Series, float]) -> dict[Series, float]:
    return {series: value for series, value in samples.items() if series[0] != "node_textfile_mtime_seconds"}


CASES = (
    "client_side_timestamp different_metric_types histogram histogram_extra_dimension inconsistent_metrics"
    " metrics_merge_different_help metrics_merge_empty_help metrics_merge_no_help metrics_merge_same_help"
    " no_metric_files nonexistent_path summary summary_extra_dimension two_metric_files"
)


@pytest.mark.parametrize("case", CASES.split())
def test_directories_are_read_as_node_exporter_reads_them(captured: Path, case: str) -> None:
    expected = of_exposition((captured / f"textfile/{case}.out").read_text())

    found = of_readings(read(captured / "textfile" / case))

    assert without_times(found) == without_times({k: v for k, v in expected.items() if k not in INVENTED})


def test_several_directories_may_be_meant_by_a_pattern(captured: Path) -> None:
    expected = of_exposition((captured / "textfile/glob_extra_dimension.out").read_text())

    found = of_readings(read(captured / "textfile" / "*_extra_dimension"))

    assert without_times(found) == without_times({k: v for k, v in expected.items() if k not in INVENTED})


REFUSED = [
    ("a timestamp", "a 1 1441205977284\n"),
    ("what a pass says itself", "up 1\n"),
    ("what a pass says of its collectors", 'node_scrape_collector_success{collector="cpu"} 0\n'),
    ("no value", "a\n"),
    ("a value that is no number", "a b\n"),
    ("labels without an end", 'a{b="c 1\n'),
]


@pytest.mark.parametrize("text", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_file_is_refused_as_a_whole_and_its_neighbours_are_kept(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.prom").write_text(f"kept 1\n{text}")
    (tmp_path / "good.prom").write_text("backup_age_seconds 7\n")

    assert without_times(of_readings(read(tmp_path))) == {
        ("backup_age_seconds", ()): 7,
        ("node_textfile_scrape_error", ()): 1,
    }


def test_without_directories_there_is_no_error() -> None:
    assert of_readings(read()) == {("node_textfile_scrape_error", ()): 0}


def test_a_file_is_parsed_again_when_it_changes(tmp_path: Path) -> None:
    files, path = TextFiles((str(tmp_path),)), tmp_path / "a.prom"
    path.write_text("a 1\n")
    first = of_readings(files(Roots()))
    path.write_text("a 22\n")
    os.utime(path, (1000, 1000))

    second = of_readings(files(Roots()))

    assert (first["a", ()], second["a", ()]) == (1, 22)
    assert second["node_textfile_mtime_seconds", (("file", str(path)),)] == 1000


def test_a_file_that_goes_away_takes_its_series_along(tmp_path: Path) -> None:
    files, path = TextFiles((str(tmp_path),)), tmp_path / "a.prom"
    path.write_text("a 1\n")
    files(Roots())
    path.unlink()

    assert of_readings(files(Roots())) == {("node_textfile_scrape_error", ()): 0}


def test_a_pipe_and_an_endless_file_do_not_hold_the_pass_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.prom")
    (tmp_path / "zero.prom").symlink_to("/dev/zero")
    (tmp_path / "large.prom").touch()
    os.truncate(tmp_path / "large.prom", 1 << 30)
    (tmp_path / "good.prom").write_text("a 1\n")

    assert without_times(of_readings(read(tmp_path))) == {("a", ()): 1, ("node_textfile_scrape_error", ()): 1}


def test_a_metric_of_a_file_never_stands_beside_the_machines_own(tmp_path: Path) -> None:
    (tmp_path / "a.prom").write_text("node_load1 99\nmine 1\n")
    (tmp_path / "loadavg").write_text("0.5 0.4 0.3 1/2 3\n")
    choice = NodeChoice(textfile_dirs=(str(tmp_path),))
    sources = {name: node_sources(choice)[name] for name in ("loadavg", "textfile")}

    found = of_readings(NodeReader(sources, Roots(proc=str(tmp_path))).read().readings)

    assert (found["node_load1", ()], found["mine", ()]) == (0.5, 1)


def test_samples_of_a_histogram_are_parts_of_one_metric(tmp_path: Path) -> None:
    (tmp_path / "a.prom").write_text(
        '# HELP wait How long.\n# TYPE wait histogram\nwait_bucket{le="+Inf"} 3\nwait_sum 4\nwait_count 3\n'
    )

    families = [each.family for each in read(tmp_path) if each.family.name.startswith("wait")]

    assert [(each.name, each.metric, each.type.value, each.help) for each in families] == [
        (f"wait_{part}", "wait", "histogram", "How long.") for part in ("bucket", "sum", "count")
    ]


@given(st.binary(max_size=200))
def test_no_content_ends_more_than_its_file(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    directory = tmp_path_factory.getbasetemp() / "hostile"
    directory.mkdir(exist_ok=True)
    (directory / "a.prom").write_bytes(content)
    (directory / "b.prom").write_text("kept_for_sure 1\n")

    found = of_readings(read(directory))

    assert found["kept_for_sure", ()] == 1
    assert ("node_textfile_scrape_error", ()) in found


@given(
    st.lists(st.sampled_from(["a", "{", "}", '"', "b", "=", "\\", "\n", " ", "1", "#", "TYPE", "HELP", ","]))
)
def test_nearly_metrics_are_parsed_or_refused(words: list[str]) -> None:
    try:
        metrics = parse("".join(words))
    except (ValueError, KeyError, IndexError):
        return
    assert all(metric.name for metric in metrics)
