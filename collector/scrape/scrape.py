"""Scrapes of one target: from its page to a sweep, and what is remembered between them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from collector.scrape.fetch import Answer, Fetch
from collector.scrape.live import Live
from collector.scrape.naming import Naming
from collector.scrape.page import Page, Quota, Reader
from collector.scrape.protobuf import ProtobufMemory, ProtobufReader
from collector.scrape.report import Outcome, Report
from collector.scrape.status import Health, Status
from collector.scrape.summary import SummaryReader
from collector.scrape.text import TextMemory, TextReader
from collector.sweep import Sweep
from collector.target import Target
from storage.errors import DecodeError, ScrapeError
from storage.model import Metadata

log = logging.getLogger(__name__)

_OPENMETRICS: Final = "application/openmetrics-text"
_PROTOBUF: Final = "application/vnd.google.protobuf"
_SUMMARY_PATH: Final = "/stats/summary"
METADATA_INTERVAL_MS: Final = 300_000
"""How often everything is described again that has not changed."""


class Scrape:
    """One target. `status` is as of the last scrape.

    external: labels of every series that lacks them. perf: a clock for durations, in seconds.
    """

    def __init__(
        self,
        target: Target,
        fetch: Fetch,
        external: Mapping[str, str],
        has_extra: bool = False,
        perf: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.target = target
        self.status = Status(target)
        self._fetch = fetch
        self._perf = perf
        self._naming = Naming(target, external)
        self._report = Report.of(self._naming, has_extra)
        self._live = Live(source_of(target), self._report.lines, target.track_timestamps_staleness)
        self._texts = {is_openmetrics: TextMemory() for is_openmetrics in (False, True)}
        self._protobuf = ProtobufMemory()
        self._drops: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._described: tuple[int, Mapping[str, Metadata]] | None = None
        self._body_bytes = 0

    async def once(self, time_ms: int) -> Sweep:
        """Scrape now; samples without a time of their own have `time_ms`. Raises nothing but cancellation."""
        begin = self._perf()
        quota = Quota(self.target.bounds.samples)
        try:
            page = await self._page(quota)
        except (ScrapeError, DecodeError) as error:
            return self._failed(error, self._perf() - begin, quota, time_ms)
        except Exception as error:  # one target's fault must not end the scrapes of others
            log.exception("scraping %s", self.target.url)
            wrapped = ScrapeError(f"internal: {type(error).__name__}: {error}", "internal")
            return self._failed(wrapped, self._perf() - begin, quota, time_ms)
        return self._succeeded(page, self._perf() - begin, quota, time_ms)

    def last(self, time_ms: int) -> Sweep:
        """An end to all series: the target is gone."""
        return self._live.last(time_ms)

    def succeed(self, earlier: Scrape) -> None:
        """Take over from a scrape of the same target that was configured otherwise: its series live on."""
        self._live.succeed(earlier._live)

    async def _page(self, quota: Quota) -> Page:
        self._body_bytes = 0
        async with self._fetch.page(self.target) as answer:
            reader = self._reader(answer, quota)
            async for piece in answer.pieces():
                self._body_bytes += len(piece)
                if not reader.feed(piece):
                    await asyncio.sleep(0)  # new series take their time, and others wait
            return reader.finish()

    def _reader(self, answer: Answer, quota: Quota) -> Reader:
        target, name = self.target, self._naming.encoded
        if answer.media == _PROTOBUF:
            return ProtobufReader(
                self._protobuf,
                name,
                quota,
                target.honor_timestamps,
                target.native_histograms,
                target.classic_too,
            )
        is_openmetrics = answer.media == _OPENMETRICS
        reader = TextReader(self._texts[is_openmetrics], name, quota, is_openmetrics, target.honor_timestamps)
        return SummaryReader(reader) if urlsplit(target.url).path == _SUMMARY_PATH else reader

    def _succeeded(self, page: Page, duration_s: float, quota: Quota, time_ms: int) -> Sweep:
        outcome = Outcome(
            True, duration_s, quota.scraped, quota.kept, self._live.added(page), self._body_bytes
        )
        sweep = self._live.sweep(
            page, self._report.values(outcome), time_ms, self._metadata(page.families, time_ms)
        )
        layout = page.layout
        self._drops.update(
            relabelling=layout.dropped + page.dropped_histograms,
            duplicate=layout.duplicates,
            out_of_order=self._live.out_of_order,
        )
        self._conclude(outcome, "", time_ms, len(self._live.lines) + len(page.histograms))
        return sweep

    def _failed(
        self, error: ScrapeError | DecodeError, duration_s: float, quota: Quota, time_ms: int
    ) -> Sweep:
        reason = error.reason if isinstance(error, ScrapeError) else "invalid_page"
        self._failures[reason] += 1
        is_too_long = reason == "body_size_limit"
        outcome = Outcome(
            False, duration_s, quota.scraped, quota.kept, 0, -1 if is_too_long else self._body_bytes
        )
        self._conclude(outcome, str(error), time_ms, len(self._report.lines))
        return self._live.failed(self._report.values(outcome), time_ms, self._metadata({}, time_ms))

    def _metadata(self, families: Mapping[str, Metadata], time_ms: int) -> tuple[Metadata, ...]:
        """What is new of families, and at times everything."""
        known = self._described
        if families and known is not None and 0 <= time_ms - known[0] < METADATA_INTERVAL_MS:
            if families is known[1]:
                return ()
            new = tuple(one for name, one in families.items() if known[1].get(name) != one)
            self._described = (known[0], families)
            return new
        if families:
            self._described = (time_ms, families)
            return (*families.values(), *self._report.metadata)
        return self._report.metadata if known is None else ()

    def _conclude(self, outcome: Outcome, error: str, time_ms: int, series: int) -> None:
        self.status = replace(
            self.status,
            health=Health.UP if outcome.is_up else Health.DOWN,
            last_scrape_ms=time_ms,
            duration_s=outcome.duration_s,
            error=error,
            samples=outcome.scraped,
            kept=outcome.kept,
            series=series,
            scrapes=self.status.scrapes + 1,
            drops={reason: count for reason, count in self._drops.items() if count},
            failures=dict(self._failures),
        )


def source_of(target: Target) -> str:
    """A name for the target's sweeps that no other target has."""
    labels = "\xff".join(f"{name}\xff{value}" for name, value in sorted(target.labels.items()))
    return f"{target.job} {target.url} {hashlib.sha256(labels.encode()).hexdigest()[:16]}"
