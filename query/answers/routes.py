"""The routes of the API: one method each, parameters in and a body out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

from query.answers import targets
from query.answers.cardinality import cardinality_of
from query.answers.exemplars import exemplars_of
from query.answers.federation import MEDIA_TYPE as FEDERATION
from query.answers.federation import federation_of
from query.answers.status import Status
from query.answers.tree import tree_of
from query.block import Result
from query.deadline import Deadline
from query.engine import Engine
from query.parameters import Parameters, RangeTimes
from query.parser import parse
from query.printer import format_expr
from query.render.frames import MEDIA_TYPE as FRAME
from query.render.frames import render_frame
from query.render.json import render_result, render_success
from query.series import labels_of, metadata_of, unescape_name, values_of
from storage.errors import InputError
from storage.interface import SeriesCatalogue, Storage
from storage.model import TimeRange

_DAY_MS: Final = 86_400_000
_LARGEST: Final = 10
_JSON: Final = "application/json"

Job: TypeAlias = Callable[[Parameters, Deadline], bytes]


@dataclass(frozen=True, slots=True)
class Route:
    """A path below `/api/v1`, or from the root where it begins with `//`."""

    path: str
    job: Job
    takes_forms: bool = False
    media_type: str = _JSON


@dataclass(frozen=True, slots=True)
class Answers:
    """What the API answers. `clock` gives seconds since the epoch."""

    engine: Engine
    catalogue: SeriesCatalogue
    storage: Storage
    status: Status
    clock: Callable[[], float]

    def routes(self) -> list[Route]:
        """Every route; those that take forms are asked by POST too."""
        return [
            Route("/query", self.instant, True),
            Route("/query_range", self.range, True),
            Route("/query_exemplars", self.exemplars, True),
            Route("/panel", self.panel, True, FRAME),
            Route("/explain", self.explain, True),
            Route("/format_query", self.format, True),
            Route("/parse_query", self.parse, True),
            Route("/series", self.series, True),
            Route("/labels", self.labels, True),
            Route("/label/{name}/values", self.label_values),
            Route("/metadata", self.metadata, True),
            Route("/events", self.events),
            Route("/sources", self.sources),
            Route("/targets", self.targets),
            Route("/targets/metadata", self.target_metadata),
            Route("/scrape_pools", self.scrape_pools),
            Route("/alertmanagers", self.alertmanagers),
            Route("/status/buildinfo", self.build_info),
            Route("/status/runtimeinfo", self.runtime_info),
            Route("/status/flags", self.flags),
            Route("/status/config", self.config),
            Route("/status/tsdb", self.cardinality),
            Route("//federate", self.federate, media_type=FEDERATION),
        ]

    def instant(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`query`: at one moment, now by default."""
        at_ms = self._at_ms(parameters)
        lookback_ms, limit = parameters.duration_ms("lookback_delta"), parameters.limit()
        query, stats = parameters.text("query"), parameters.text("stats")
        result = self.engine.instant(
            query, at_ms, lookback_ms=lookback_ms, deadline=deadline, with_tally=bool(stats)
        )
        return render_result(result, stats, limit)

    def range(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`query_range`: at every step of a range."""
        times, limit = parameters.range_times(), parameters.limit()
        result = self._over(times, parameters, deadline)
        return render_result(result, parameters.text("stats"), limit)

    def panel(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`panel`: a range as a binary frame."""
        times = parameters.panel_times()
        return render_frame(self._over(times, parameters, deadline), times.step_ms)

    def explain(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`explain`: the plan and the estimated cost; with `analyze` it runs too, and tells the real cost."""
        if parameters.text("start"):
            times = parameters.range_times()
        else:
            at_ms = self._at_ms(parameters)
            times = RangeTimes(at_ms, at_ms, 0)
        query, lookback_ms = parameters.text("query"), parameters.duration_ms("lookback_delta")
        plan, cost = self.engine.explain(
            query, times.start_ms, times.end_ms, times.step_ms, lookback_ms=lookback_ms
        )
        found: dict[str, Any] = {"plan": plan.document(), "text": plan.lines(), "estimated": asdict(cost)}
        if parameters.flag("analyze"):
            result = (
                self._over(times, parameters, deadline)
                if times.step_ms
                else self.engine.instant(query, times.start_ms, lookback_ms=lookback_ms, deadline=deadline)
            )
            found["real"] = asdict(result.stats)
        return render_success(found)

    def exemplars(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`query_exemplars`: of the series that a query selects."""
        expr = parse(parameters.text("query"))
        wanted = parameters.time_range()
        return render_success(exemplars_of(self.catalogue, self.storage, expr, wanted, deadline))

    def format(self, parameters: Parameters, _: Deadline) -> bytes:
        """`format_query`: the query on one line."""
        return render_success(format_expr(parse(parameters.text("query"))))

    def parse(self, parameters: Parameters, _: Deadline) -> bytes:
        """`parse_query`: the query's tree."""
        return render_success(tree_of(parse(parameters.text("query"))))

    def series(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`series`: label sets that match any selector."""
        selectors = parameters.selectors()
        if not selectors:
            raise InputError("no match[] parameter provided")
        wanted = parameters.time_range()
        found = labels_of(self.catalogue, selectors, wanted, self.engine.limits, deadline)
        return _list(found, parameters.limit())

    def labels(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`labels`: names of labels."""
        selectors, wanted = parameters.selectors(), parameters.time_range()
        found = self.catalogue.label_names(selectors, wanted, deadline.check)
        return _list(found, parameters.limit())

    def label_values(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`label/<name>/values`: values of one label."""
        name = unescape_name(parameters.text("name"))
        selectors, wanted = parameters.selectors(), parameters.time_range()
        found = values_of(self.catalogue, name, selectors, wanted, deadline)
        return _list(found, parameters.limit())

    def metadata(self, parameters: Parameters, _: Deadline) -> bytes:
        """`metadata`: type, help and unit by metric."""
        limit, each = parameters.limit(), parameters.limit("limit_per_metric")
        return render_success(metadata_of(self.storage, parameters.text("metric"), limit, each))

    def events(self, parameters: Parameters, _: Deadline) -> bytes:
        """`events`: those that overlap with `start` to `end`."""
        return render_success([asdict(event) for event in self.storage.read_events(parameters.time_range())])

    def sources(self, _: Parameters, __: Deadline) -> bytes:
        """`sources`: tags and descriptions of sources."""
        return render_success([asdict(source) for source in self.storage.read_sources()])

    def targets(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`targets`: who sends, by their `up` series."""
        pool = parameters.text("scrapePool")
        return render_success(targets.targets_of(self.engine, self._at_ms(parameters), deadline, pool))

    def target_metadata(self, parameters: Parameters, _: Deadline) -> bytes:
        """`targets/metadata`: metadata as a list."""
        limit = parameters.limit()
        return render_success(targets.target_metadata(self.storage, parameters.text("metric"), limit))

    def scrape_pools(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`scrape_pools`: the jobs of all targets."""
        return render_success(targets.pools_of(self.engine, self._at_ms(parameters), deadline))

    def alertmanagers(self, _: Parameters, __: Deadline) -> bytes:
        """`alertmanagers`: none, as Swell notifies by itself."""
        return render_success({"activeAlertmanagers": [], "droppedAlertmanagers": []})

    def build_info(self, _: Parameters, __: Deadline) -> bytes:
        """`status/buildinfo`."""
        return render_success(self.status.build_info())

    def runtime_info(self, _: Parameters, __: Deadline) -> bytes:
        """`status/runtimeinfo`."""
        return render_success(self.status.runtime_info(self.clock()))

    def flags(self, _: Parameters, __: Deadline) -> bytes:
        """`status/flags`: the settings in force."""
        return render_success(dict(self.status.flags))

    def config(self, _: Parameters, __: Deadline) -> bytes:
        """`status/config`: the settings as YAML."""
        return render_success({"yaml": self.status.config})

    def cardinality(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`status/tsdb`: the last day's series, or those of `start`, `end` and one `match[]`."""
        now_ms = self._at_ms(parameters)
        wanted = TimeRange(parameters.time_ms("start", now_ms - _DAY_MS), parameters.time_ms("end", now_ms))
        selectors = parameters.selectors()
        if len(selectors) > 1:
            raise InputError('invalid parameter "match[]": is given twice, expected one selector')
        matchers = selectors[0] if selectors else ()
        limit = parameters.limit() or _LARGEST
        return render_success(cardinality_of(self.catalogue, matchers, wanted, limit, deadline))

    def federate(self, parameters: Parameters, deadline: Deadline) -> bytes:
        """`/federate`: the newest samples as text."""
        return federation_of(self.engine, parameters.selectors(), self._at_ms(parameters), deadline)

    def _at_ms(self, parameters: Parameters) -> int:
        return parameters.time_ms("time", round(self.clock() * 1000))

    def _over(self, times: RangeTimes, parameters: Parameters, deadline: Deadline) -> Result:
        return self.engine.range(
            parameters.text("query"),
            times.start_ms,
            times.end_ms,
            times.step_ms,
            lookback_ms=parameters.duration_ms("lookback_delta"),
            deadline=deadline,
            with_tally=bool(parameters.text("stats")),
        )


def _list(found: list[Any], limit: int) -> bytes:
    if limit and len(found) > limit:
        return render_success(found[:limit], ("results truncated due to limit",))
    return render_success(found)
