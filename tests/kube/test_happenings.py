"""What happens in a cluster is told to the service once, and counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import yaml
from aiohttp import web

from collector.bearer import Token
from collector.kube.announcing import EVENT_PATH, Announcing
from collector.kube.change import Change, Kind, Resource
from collector.kube.client import ApiError
from collector.kube.events import Event, Events
from collector.kube.happening import Happening, encoded, time_ms
from collector.kube.lifecycle import Compared, Node, Workload, nodes, workloads
from ingest.protocols.wavefront.event_json import decode_events

SYNCED: Change[Any] = Change(Kind.SYNCED)


def captured(shared_data: Path) -> list[Event]:
    root = shared_data / "k8s"
    items: list[Any] = []
    for path in sorted((root / "troubleshoot/pkg/analyze/files/events").glob("*.json")):
        items += json.loads(path.read_text())["items"]
    items += json.loads((root / "local-kube-apiserver-1.20.2/events.json").read_text())["items"]
    examples = root / "wavefront-observability-for-kubernetes/collector/plugins/events/examples"
    items += [yaml.safe_load(path.read_text()) for path in sorted(examples.rglob("*.yaml"))]
    return [msgspec.json.decode(json.dumps(item, default=str), type=Event) for item in items]


def test_real_events_become_events_that_the_service_takes(shared_data: Path) -> None:
    events = Events()
    happenings = [events.take(Change(Kind.SET, event)) for event in captured(shared_data)]
    told = [one for one in happenings if one is not None]

    assert len(told) > 100
    assert all(one.at_ms > 1_500_000_000_000 for one in told)
    decoded = decode_events(encoded(told, {"cluster": "c"}), 10_000)
    assert not decoded.refused
    assert decoded.beside is not None
    found = decoded.beside.events
    assert len({event.id for event in found}) == len({encoded([one], {}) for one in told})
    assert {event.annotations["cluster"] for event in found} == {"c"}
    assert {event.type for event in found} == {"kubernetes-event"}
    assert {event.severity for event in found} == {"info", "warn"}


def event(count: int = 1, uid: str = "u", **more: Any) -> Event:
    content = {
        "metadata": {"name": "e", "namespace": "n", "uid": uid},
        "involvedObject": {"kind": "Pod", "namespace": "n", "name": "p"},
        "reason": "BackOff",
        "type": "Warning",
        "message": "Back-off restarting",
        "count": count,
        "lastTimestamp": f"2026-01-01T00:00:{count:02d}Z",
        "source": {"component": "kubelet", "host": "node-a"},
        **more,
    }
    return msgspec.convert(content, Event)


def test_each_occurrence_after_the_first_list_is_counted() -> None:
    events = Events()
    told = [events.take(change) for change in (Change(Kind.SET, event(3)), SYNCED)]
    assert events.readings()[0].values == [0]

    told += [events.take(Change(Kind.SET, event(count))) for count in (3, 4, 4, 7)]
    told.append(events.take(Change(Kind.SET, event(1, "v"))))

    assert [None if one is None else one.annotations["count"] for one in told] == [
        "3",
        None,
        None,
        "4",
        None,
        "7",
        "1",
    ]
    (reading,) = events.readings()
    assert (reading.label_values, reading.values) == ([("Warning", "BackOff", "Pod", "n")], [5])


def test_an_event_says_what_happened_where() -> None:
    happening = Events().take(Change(Kind.SET, event()))

    assert happening == Happening(
        "BackOff: Pod n/p",
        time_ms("2026-01-01T00:00:01Z"),
        "kubernetes-event",
        "warn",
        "Back-off restarting",
        {
            "namespace": "n",
            "object": "p",
            "object_kind": "Pod",
            "reason": "BackOff",
            "component": "kubelet",
            "count": "1",
        },
        "node-a",
    )


def test_an_event_that_expired_and_comes_again_is_new() -> None:
    events = Events()
    events.take(SYNCED)
    events.take(Change(Kind.SET, event()))
    events.take(Change(Kind.GONE, event()))

    assert events.take(Change(Kind.SET, event())) is not None
    assert events.readings()[0].values == [2]


def test_series_of_events_are_bounded() -> None:
    events = Events()
    for number in range(5000):
        events.take(Change(Kind.SET, event(1, str(number), reason=f"r{number}", type=f"t{number}")))

    assert len(events.readings()[0].values) <= 4001


@pytest.mark.parametrize(
    ("more", "at"),
    [
        ({"series": {"count": 5, "lastObservedTime": "2026-01-01T00:00:09.5Z"}}, "2026-01-01T00:00:09.5Z"),
        ({"lastTimestamp": None, "eventTime": "2026-01-01T00:00:08.123456Z"}, "2026-01-01T00:00:08.123Z"),
        ({"lastTimestamp": None, "firstTimestamp": "2026-01-01T01:00:07+01:00"}, "2026-01-01T00:00:07Z"),
    ],
)
def test_the_newest_time_that_an_event_has_counts(more: dict[str, Any], at: str) -> None:
    assert event(**more).last_ms == time_ms(at)


def test_an_event_without_a_time_is_counted_alone() -> None:
    events = Events()
    events.take(SYNCED)

    assert events.take(Change(Kind.SET, event(lastTimestamp="soon"))) is None
    assert events.readings()[0].values == [1]


def node(name: str, version: str = "v1", ready: str = "True", cordoned: bool = False) -> Node:
    status = {"nodeInfo": {"kubeletVersion": version}, "conditions": [{"type": "Ready", "status": ready}]}
    return msgspec.convert(
        {"metadata": {"name": name}, "spec": {"unschedulable": cordoned}, "status": status}, Node
    )


def names(compared: Compared, changes: Sequence[Change[Any]]) -> list[str]:
    return [one.name for change in changes for one in compared.take(change, 1000)]


def test_the_life_of_a_node_is_told() -> None:
    compared = nodes()
    assert names(compared, [Change(Kind.SET, node("a")), SYNCED, Change(Kind.SET, node("a"))]) == []

    steps = [
        (node("b"), ["Node added: b"]),
        (node("a", "v2"), ["Node upgraded: a"]),
        (node("a", "v2", "Unknown"), ["Node not ready: a"]),
        (node("a", "v2", "False"), ["Node not ready: a"]),
        (node("a", "v2", "True", cordoned=True), ["Node ready: a", "Node cordoned: a"]),
        (node("a", "v2"), ["Node uncordoned: a"]),
    ]
    for item, told in steps:
        assert names(compared, [Change(Kind.SET, item)]) == told
    assert names(compared, [Change(Kind.GONE, node("b"))]) == ["Node removed: b"]
    (upgraded,) = compared.take(Change(Kind.SET, node("a", "v3")), 5)
    assert upgraded.details == "kubelet_version: v2 -> v3"


def workload(image: str) -> Workload:
    spec = {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}
    return msgspec.convert({"metadata": {"name": "w", "namespace": "n"}, "spec": spec}, Workload)


def test_a_rollout_of_new_images_is_told() -> None:
    compared = workloads("Deployment")
    first = [Change(Kind.SET, workload("i:1")), SYNCED, Change(Kind.SET, workload("i:1"))]
    assert names(compared, first) == []

    (told,) = compared.take(Change(Kind.SET, workload("i:2")), 7)

    assert (told.name, told.details) == ("Rollout: Deployment n/w", "c: i:1 -> i:2")
    assert told.annotations == {"namespace": "n", "object": "w", "object_kind": "Deployment"}
    assert names(compared, [Change(Kind.GONE, workload("i:2"))]) == []


async def announced(statuses: Sequence[int], versions: Sequence[str] = ()) -> tuple[list[Any], Announcing]:
    """Posts one happening a status; gives the bodies that came."""
    bodies: list[Any] = []

    async def handle(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer t"
        bodies.append(json.loads(await request.read()))
        if len(bodies) == len(statuses):
            done.set()
        return web.Response(status=statuses[len(bodies) - 1])

    async def watch(resource: Resource[Any]) -> AsyncIterator[Change[Any]]:
        if resource.plural == "events":
            yield SYNCED
            yield Change(Kind.SET, event())
        await asyncio.Event().wait()

    told = iter(versions)

    async def version() -> bytes:
        found = next(told, None)
        if found is None:
            raise ApiError("no more")
        return json.dumps({"gitVersion": found}).encode()

    async def pause(_: float) -> None:
        await asyncio.sleep(0.001)

    done = asyncio.Event()
    app = web.Application()
    app.router.add_post(EVENT_PATH, handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with aiohttp.ClientSession() as session:
        announcing = Announcing(watch, version, session, url, Token("t"), {"cluster": "c"})
        task = asyncio.create_task(announcing.run(pause))
        async with asyncio.timeout(20):
            await done.wait()
            while not any(announcing.readings()[-1].values):
                await asyncio.sleep(0.001)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await runner.cleanup()
    return bodies, announcing


def outcomes(announcing: Announcing) -> dict[str, float]:
    reading = announcing.readings()[-1]
    return {values[0]: value for values, value in zip(reading.label_values, reading.values, strict=True)}


def test_what_the_service_does_not_take_yet_is_posted_again() -> None:
    bodies, announcing = asyncio.run(announced([503, 401, 429, 202]))

    assert [[one["name"] for one in body] for body in bodies] == [["BackOff: Pod n/p"]] * 4
    assert bodies[0][0]["annotations"]["cluster"] == "c"
    assert outcomes(announcing) == {"sent": 1, "refused": 0, "full": 0}
    assert announcing.error == ""


def test_what_the_service_refuses_is_given_up() -> None:
    _, announcing = asyncio.run(announced([404]))

    assert outcomes(announcing) == {"sent": 0, "refused": 1, "full": 0}
    assert announcing.error == "/api/v2/event answered 404"


def test_a_new_version_of_the_cluster_is_told() -> None:
    bodies, _ = asyncio.run(announced([202, 202], ["v1.34.1", "v1.34.1", "v1.35.0"]))

    assert "Cluster upgraded to v1.35.0" in [one["name"] for body in bodies for one in body]


def test_the_oldest_go_when_too_many_wait() -> None:
    async def run() -> dict[str, float]:
        async with aiohttp.ClientSession() as session:
            announcing = Announcing(None, None, session, "http://x", Token())  # type: ignore[arg-type]
            for number in range(10_007):
                announcing.tell(Happening(str(number), 1, "k"))
            return outcomes(announcing)

    assert asyncio.run(run())["full"] == 7
