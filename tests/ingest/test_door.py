"""What passes the door: rules rewrite series once, and of a pair of senders one is heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.limits import Limits
from ingest.relabel.document import parse_rules
from ingest.replicas import Election, ReplicaLabels
from ingest.series.door import Door
from ingest.series.table import SeriesTable
from storage.errors import DecodeError
from storage.model import DAY_MS, canonical
from tests.ingest.test_series import NOW_MS, expected, ids, named, request

PAIR = ReplicaLabels("cluster", "__replica__", 30_000)


def table_with(rules: str = "[]", replicas: ReplicaLabels | None = None, **limits: int) -> SeriesTable:
    return SeriesTable(Limits(**limits), Door(parse_rules(rules), replicas))


def sent_by(replica: str, name: str = "up", cluster: str = "c") -> list[tuple[str, str]]:
    return named(name, cluster=cluster, __replica__=replica)


def test_rules_rewrite_a_series_before_it_gets_its_ids() -> None:
    table = table_with("[{regex: pod, action: labeldrop}, {target_label: zone, replacement: eu}]")
    for _ in range(2):
        found = table.resolve(request(named("up", pod="a"), named("down"), table=table), NOW_MS)
        assert ids(found) == [
            expected(canonical(named("up", zone="eu"))),
            expected(canonical(named("down", zone="eu"))),
        ]


def test_the_rows_of_rewritten_series_hold_their_new_labels() -> None:
    table = table_with("[{source_labels: [__name__], target_label: __name__, replacement: 'new_$1'}]")
    (row,) = table.resolve(request(named("up", x="1")), NOW_MS).new_rows
    assert (row.name, row.labels) == ("new_up", canonical(named("new_up", x="1")))


def test_the_rows_of_series_that_rules_leave_alone_are_right_on_every_day() -> None:
    table = table_with("[{regex: pod, action: labeldrop}, {source_labels: [a], regex: x, action: drop}]")
    sets = [
        named("up", a="1"),
        named("up", a='q"'),
        named("up", a="é"),
        named("up", pod="p"),
        named("up", a="x"),
    ]
    wanted = sorted([canonical(one) for one in sets[:3]] + [canonical(named("up"))])
    for day in (0, 1, 2):
        time_ms = NOW_MS - day * DAY_MS
        found = table.resolve(request(*sets, table=table, time_ms=time_ms), NOW_MS)
        assert sorted(row.labels for row in found.new_rows) == wanted


def test_two_label_sets_may_become_one_series() -> None:
    table = table_with("[{regex: pod, action: labeldrop}]")
    found = table.resolve(request(named("up", pod="a"), named("up", pod="b")), NOW_MS)
    assert ids(found) == [expected(canonical(named("up")))] * 2
    assert len(table) == 2


def test_a_dropped_series_is_counted_and_not_refused() -> None:
    table = table_with("[{source_labels: [__name__], regex: 'go_.*', action: drop}]")
    for _ in range(2):
        found = table.resolve(request(named("go_x"), named("up"), named("go_y"), table=table), NOW_MS)
        assert found.keep.tolist() == [False, True, False]
        assert not found.refused
        assert found.dropped["relabel"].count == 2


def test_rules_see_a_label_set_once_and_not_again_with_every_sample() -> None:
    class Counting(Door):
        calls = 0

        def admit(self, pairs):  # type: ignore[no-untyped-def]
            Counting.calls += 1
            return super().admit(pairs)

    table = SeriesTable(Limits(), Counting(parse_rules("[{regex: x, action: drop, source_labels: [a]}]")))
    for _ in range(5):
        table.resolve(request(named("up", a="x"), named("down", a="y"), table=table), NOW_MS)
    assert Counting.calls == 2


def test_dropped_series_take_no_room_from_others() -> None:
    table = table_with("[{source_labels: [__name__], regex: 'go_.*', action: drop}]", max_series=2)
    many = [named(f"go_{i}") for i in range(5)]
    found = table.resolve(request(*many, named("a"), named("b"), named("c")), NOW_MS)
    assert found.keep.tolist() == [False] * 5 + [True, True, False]
    assert found.dropped["relabel"].count == 5
    assert found.refused["series_limit"].count == 1
    assert table.active(NOW_MS) == 2


def test_a_series_without_a_name_after_the_rules_is_refused_with_the_reason() -> None:
    table = table_with("[{regex: __name__, action: labeldrop}]")
    found = table.resolve(request(named("up", a="b")), NOW_MS)
    assert "has no metric name" in found.refused["invalid_labels"].example


def test_labels_beyond_a_limit_may_be_dropped_at_the_door() -> None:
    table = table_with("[{regex: 'l.*', action: labeldrop}]", max_labels=3)
    found = table.resolve(request(named("up", **{f"l{i}": "x" for i in range(10)})), NOW_MS)
    assert found.keep.all()


def test_of_a_pair_the_first_is_heard_and_the_other_counted() -> None:
    table = table_with(replicas=PAIR)
    first = table.resolve(request(sent_by("a"), table=table), NOW_MS)
    other = table.resolve(request(sent_by("b"), table=table), NOW_MS)
    assert first.keep.all()
    assert ids(first) == [expected(canonical(named("up", cluster="c")))]
    assert not other.keep.any()
    assert not other.refused
    assert other.dropped["replica"].count == 1
    assert other.dropped["replica"].example == "replica 'b' of cluster 'c' stands by for 'a'"


def test_another_replica_is_heard_once_the_first_was_silent_for_long_enough() -> None:
    table = table_with(replicas=PAIR)
    kept = [
        bool(table.resolve(request(sent_by(name), table=table), NOW_MS + at_s * 1000).keep.all())
        for name, at_s in (("a", 0), ("b", 10), ("b", 29), ("b", 30), ("a", 31), ("b", 32), ("a", 62))
    ]
    assert kept == [True, False, False, True, False, True, True]


def test_both_replicas_send_one_series() -> None:
    table = table_with(replicas=PAIR)
    first = table.resolve(request(sent_by("a"), table=table), NOW_MS)
    second = table.resolve(request(sent_by("b"), table=table), NOW_MS + 60_000)
    assert ids(first) == ids(second)


def test_pairs_are_elected_apart_also_within_one_request() -> None:
    table = table_with(replicas=PAIR)
    table.resolve(request(sent_by("a", cluster="one"), sent_by("b", cluster="two"), table=table), NOW_MS)
    mixed = request(
        sent_by("a", cluster="one"),
        sent_by("a", cluster="two"),
        sent_by("b", cluster="one"),
        sent_by("b", cluster="two"),
        named("alone", cluster="one"),
        named("alone", __replica__="x"),
        table=table,
    )
    assert table.resolve(mixed, NOW_MS).keep.tolist() == [True, False, False, True, True, True]


def test_a_label_set_that_names_no_pair_is_left_as_it_is() -> None:
    table = table_with(replicas=PAIR)
    sets = [named("up", cluster="c"), named("up", __replica__="a")]
    assert ids(table.resolve(request(*sets), NOW_MS)) == [expected(canonical(one)) for one in sets]


def test_rules_come_after_the_pair() -> None:
    table = table_with("[{regex: cluster, action: labeldrop}]", PAIR)
    table.resolve(request(sent_by("a"), table=table), NOW_MS)
    assert not table.resolve(request(sent_by("b"), table=table), NOW_MS).keep.any()
    heard = table.resolve(request(sent_by("a"), table=table), NOW_MS)
    assert ids(heard) == [expected(canonical(named("up")))]


def test_a_clock_that_steps_back_does_not_keep_a_dead_replica() -> None:
    table, before_ms = table_with(replicas=PAIR), NOW_MS - 3_600_000
    table.resolve(request(sent_by("a"), table=table), NOW_MS)
    assert table.resolve(request(sent_by("b"), table=table, time_ms=before_ms), before_ms).keep.all()


def test_invented_replicas_do_not_fill_memory() -> None:
    election = Election(PAIR)
    with pytest.raises(DecodeError, match="comes after 20000 others"):
        for i in range(20_001):
            election.strip([("cluster", "c"), ("__replica__", str(i))])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), max_size=40))
def test_at_any_time_one_replica_is_heard_and_a_living_pair_is_never_mute(
    steps: list[tuple[str, int]],
) -> None:
    table, now_ms, heard = table_with(replicas=PAIR), NOW_MS, ("", 0)
    for replica, pause_s in steps:
        now_ms += pause_s * 1000
        kept = bool(table.resolve(request(sent_by(replica), table=table), now_ms).keep.all())
        owner, last_ms = heard
        assert kept == (owner in ("", replica) or now_ms - last_ms >= 30_000)
        if kept:
            heard = (replica, now_ms)
