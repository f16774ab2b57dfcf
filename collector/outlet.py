"""Where sweeps go: every destination, each with its own choice of series, none in another's way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from collector.bearer import Token
from collector.body import Body
from collector.delivery import Delivery
from collector.requests import Requests
from collector.selection import Selection, Selector
from collector.sender import Sender
from collector.settings import Destination, Pushing
from collector.spool import Spool
from collector.sweep import Sweep
from collector.telemetry import Sent, Telemetry


@dataclass(slots=True)
class _Group:
    """Destinations that get the same series: they are chosen and encoded once for all of them."""

    selection: Selection
    selector: Selector
    requests: Requests
    members: list[tuple[Delivery, Sent]] = field(default_factory=list)

    def take(self, sweep: Sweep) -> None:
        before = self.selector.filtered
        chosen = self.selector.apply(sweep)
        bodies: dict[int, list[Body]] = {}
        for delivery, sent in self.members:
            version = delivery.version
            if version not in bodies:
                bodies[version] = self.requests.bodies(chosen, version)
            sent.filtered(self.selector.filtered - before)
            for body in bodies[version]:
                delivery.offer(sweep.source, body)


class Outlet:
    """Takes sweeps and delivers them. Of one event loop. Raises ConfigError where a spool cannot be used."""

    def __init__(self, pushing: Pushing, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._groups: list[_Group] = []
        self.deliveries: list[Delivery] = []
        for destination in pushing.destinations:
            sent = Sent(telemetry, destination.name)
            delivery = _delivery(pushing, destination, sent)
            self.deliveries.append(delivery)
            self._group(destination.selection, pushing).members.append((delivery, sent))

    def take(self, sweep: Sweep) -> None:
        """Hand a sweep to every destination."""
        self._telemetry.samples.inc(len(sweep.lines) + len(sweep.histograms))
        if len(sweep.lines) or len(sweep.histograms) or sweep.is_last:
            for group in self._groups:
                group.take(sweep)

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for delivery in self.deliveries:
                tasks.create_task(delivery.run())

    async def wait_sent(self) -> None:
        """Until nothing waits for a destination that is there."""
        await asyncio.gather(*(delivery.wait_sent() for delivery in self.deliveries))

    async def close(self) -> None:
        """Release everything, when `run` has ended."""
        for delivery in self.deliveries:
            await delivery.close()

    def _group(self, selection: Selection, pushing: Pushing) -> _Group:
        for group in self._groups:
            if group.selection == selection:
                return group
        requests = Requests(pushing.body_samples, pushing.body_bytes)
        self._groups.append(_Group(selection, Selector(selection), requests))
        return self._groups[-1]


def _delivery(pushing: Pushing, destination: Destination, sent: Sent) -> Delivery:
    sender = Sender(
        destination.write_url,
        Token(destination.token, destination.token_file),
        destination.timeout_s,
        destination.trust,
        destination.headers,
    )
    return Delivery(
        destination.name,
        sender,
        Spool(pushing.spool_dir / destination.name, pushing.spool_bytes),
        sent,
        pushing.memory_bytes,
        destination.version,
    )


def errors_of(outlet: Outlet) -> Sequence[tuple[str, str]]:
    """(destination, what failed last), '' where nothing has since the last success."""
    return [(delivery.name, delivery.telemetry.error) for delivery in outlet.deliveries]
