"""From what was found to a target, in Prometheus's steps: its labels, the job's, the rules, the address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, quote_plus

from collector.discovery.group import ADDRESS, Group
from collector.discovery.job import Job
from collector.discovery.quantities import duration_ms, duration_text
from collector.target import Target
from ingest.relabel.rules import relabel
from storage.errors import ConfigError

SCHEME: Final = "__scheme__"
PATH: Final = "__metrics_path__"
PARAM: Final = "__param_"
INTERVAL: Final = "__scrape_interval__"
TIMEOUT: Final = "__scrape_timeout__"
_KEPT_IN_PATH: Final = "/$&+,:;=@"  # as Go's net/url writes a path


def targets_of(job: Job, group: Group, before: Iterable[Target] = ()) -> tuple[list[Target], list[str]]:
    """The targets of a group, and what was wrong with those that have no target for it.

    before: targets of the job that stay as they are where the same is found again.
    """
    known = {target.found[ADDRESS]: target for target in before}
    targets: list[Target] = []
    errors: list[str] = []
    prepared = job.prepare(group) or Group()
    for own in prepared.targets:
        try:
            target = target_of(job, {**prepared.labels, **own}, known.get(own.get(ADDRESS, "")))
        except ConfigError as error:
            errors.append(f"{own.get(ADDRESS, '')}: {error}")
        else:
            if target is not None:
                targets.append(target)
    return targets, errors


def target_of(job: Job, labels: Mapping[str, str], before: Target | None = None) -> Target | None:
    """The target that the labels make; None when a rule drops it. Raises ConfigError."""
    found = found_labels(job, labels)
    if before is not None and before.found == found:
        return before
    _check_text(found)
    left = relabel(job.rules, found) if job.rules else found
    if left is None:
        return None
    interval_ms, timeout_ms = _times(left)
    own = {name: value for name, value in left.items() if not name.startswith("__")}
    return job.refine(
        Target(
            url=_url(job, left),
            job=job.name,
            labels={**own, "instance": own.get("instance") or left[ADDRESS]},
            found=found,
            interval_ms=interval_ms,
            timeout_ms=timeout_ms,
            honor_labels=job.honor_labels,
            honor_timestamps=job.honor_timestamps,
            track_timestamps_staleness=job.track_timestamps_staleness,
            native_histograms=job.native_histograms,
            classic_too=job.classic_too,
            follow_redirects=job.access.follow_redirects,
            rules=job.metric_rules,
            bounds=job.bounds,
            credentials=job.access.credentials,
            trust=job.access.trust,
        )
    )


def found_labels(job: Job, labels: Mapping[str, str]) -> dict[str, str]:
    """What the rules see: the job's values where the discovery gave none, and no empty label."""
    usual = {
        "job": job.name,
        INTERVAL: duration_text(job.interval_ms),
        TIMEOUT: duration_text(job.timeout_ms),
        PATH: job.path,
        SCHEME: job.scheme,
    }
    first = {PARAM + name: values[0] for name, values in job.params.items() if values}
    found = {name: value for name, value in (usual | first).items() if value}
    found.update((name, value) for name, value in labels.items() if value)
    return found


def _check_text(labels: Mapping[str, str]) -> None:
    """JSON and YAML can write halves of characters, which nothing can send on."""
    for name, value in labels.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ConfigError(f"{name}: {value!r} is not text") from None


def _times(labels: Mapping[str, str]) -> tuple[int, int]:
    times = []
    for name in (INTERVAL, TIMEOUT):
        try:
            times.append(duration_ms(labels.get(name, "")))
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from None
        if times[-1] == 0:
            raise ConfigError(f"{name}: 0 is not above 0")
    if times[1] > times[0]:
        raise ConfigError(f"{TIMEOUT}: {labels[TIMEOUT]} is above {INTERVAL}, {labels[INTERVAL]}")
    return times[0], times[1]


def _url(job: Job, labels: Mapping[str, str]) -> str:
    address, scheme = labels.get(ADDRESS, ""), labels.get(SCHEME, "")
    if not address:
        raise ConfigError(f"{ADDRESS}: is empty, expected host:port")
    if "/" in address:
        raise ConfigError(f"{ADDRESS}: {address!r} is not host:port")
    if scheme not in ("http", "https"):
        raise ConfigError(f"{SCHEME}: {scheme!r} is unknown, expected http or https")
    path = quote(labels.get(PATH, ""), safe=_KEPT_IN_PATH)
    path = path if path.startswith("/") or not path else f"/{path}"
    query = _query(job, labels)
    return f"{scheme}://{address}{path}" + (f"?{query}" if query else "")


def _query(job: Job, labels: Mapping[str, str]) -> str:
    """The job's parameters; a `__param_` label replaces the first value of its name."""
    values = {name: list(given) for name, given in job.params.items()}
    for label, value in labels.items():
        if label.startswith(PARAM):
            values.setdefault(label.removeprefix(PARAM), [""])[:1] = [value]
    pairs = [(name, value) for name in sorted(values) for value in values[name]]
    return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
