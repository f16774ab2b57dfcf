"""Prometheus's own configuration file, as far as scraping goes: `global`, `scrape_configs`, files of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from collector.discovery.access import access_of
from collector.discovery.job import Job
from collector.discovery.section import Section, yaml_content
from collector.discovery.sources import sources_of
from collector.target import Bounds
from storage.errors import ConfigError

log = logging.getLogger(__name__)

# What a whole file of Prometheus's holds beside its jobs. It concerns what becomes of samples.
_NOT_READ: Final = (
    "alerting",
    "rule_files",
    "remote_write",
    "remote_read",
    "storage",
    "tracing",
    "otlp",
    "runtime",
)
_NOT_READ_GLOBAL: Final = (
    "evaluation_interval",
    "rule_query_offset",
    "external_labels",
    "query_log_file",
    "scrape_failure_log_file",
    "keep_dropped_targets",
)
# Keys whose only value here is the one that says what is done anyway.
_ONLY: Final = {
    "convert_classic_histograms_to_nhcb": "false",
    "enable_compression": "true",
    "metric_name_validation_scheme": "utf8",
    "metric_name_escaping_scheme": "allow-utf-8",
}
_NEGOTIATED: Final = ("scrape_protocols", "fallback_scrape_protocol", "keep_dropped_targets")
_REFUSED: Final = (
    "native_histogram_bucket_limit",
    "native_histogram_min_bucket_factor",
    "scrape_failure_log_file",
)
_DEFAULT_BODY_BYTES: Final = Bounds().body_size_bytes


@dataclass(frozen=True, slots=True)
class Usual:
    """What `global` says, for jobs that do not say it themselves."""

    interval_ms: int = 60_000
    timeout_ms: int = 10_000
    bounds: Bounds = field(default_factory=Bounds)
    target_limit: int = 0
    native_histograms: bool = False
    classic_too: bool = False


def read_jobs(path: Path) -> tuple[Job, ...]:
    """The jobs of a file and of its `scrape_config_files`. Raises ConfigError that names file and key."""
    jobs = parse_jobs(_content(path), path.parent, str(path))
    names = [job.name for job in jobs]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: job_name: {name!r} stands twice")
    return jobs


def parse_jobs(content: Any, base: Path, where: str) -> tuple[Job, ...]:
    """The jobs of a document; relative files lie in `base`. Raises ConfigError."""
    document = Section(content, where)
    usual = _usual(document.section("global"))
    parts = document.sections("scrape_configs")
    for pattern in document.texts("scrape_config_files"):
        parts += _parts_of_files(base, pattern)
    unread = [key for key in _NOT_READ if document.raw(key)]
    if unread:
        log.info("%s: not read, since it is about more than scraping: %s", where, ", ".join(unread))
    document.end()
    return tuple(_job(part, usual, base) for part in parts)


def _parts_of_files(base: Path, pattern: str) -> list[Section]:
    named = base / pattern
    root = Path(named.anchor)
    paths = sorted(root.glob(str(named.relative_to(root)))) if "*" in pattern else [named]
    parts = []
    for path in paths:
        document = Section(_content(path), str(path))
        parts += document.sections("scrape_configs")
        document.end()
    return parts


def _content(path: Path) -> Any:
    try:
        return yaml_content(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _usual(section: Section | None) -> Usual:
    if section is None:
        return Usual()
    ignored = [key for key in _NOT_READ_GLOBAL if section.raw(key)]
    if "external_labels" in ignored:
        log.warning("%s: external_labels: not read, expected among the collector's own labels", section.where)
    interval_ms = section.duration_ms("scrape_interval", 60_000)
    timeout_ms = section.duration_ms("scrape_timeout", min(10_000, interval_ms))
    if timeout_ms > interval_ms:
        raise section.error("scrape_timeout", "is above scrape_interval")
    usual = Usual(
        interval_ms,
        timeout_ms,
        _bounds(section, Bounds()),
        section.integer("target_limit"),
        section.boolean("scrape_native_histograms"),
        section.boolean("always_scrape_classic_histograms"),
    )
    _check_fixed(section)
    section.end()
    return usual


def _job(section: Section, usual: Usual, base: Path) -> Job:
    name = section.text("job_name")
    if not name:
        raise section.error("job_name", "is missing")
    section.where = f"job {name!r}"
    interval_ms = section.duration_ms("scrape_interval") or usual.interval_ms
    timeout_ms = section.duration_ms("scrape_timeout") or min(usual.timeout_ms, interval_ms)
    if timeout_ms > interval_ms:
        raise section.error("scrape_timeout", "is above scrape_interval")
    scheme = section.text("scheme", "http")
    if scheme not in ("http", "https"):
        raise section.error("scheme", f"{scheme!r} is unknown, expected http or https")
    job = Job(
        name=name,
        sources=sources_of(section, base),
        interval_ms=interval_ms,
        timeout_ms=timeout_ms,
        path=section.text("metrics_path", "/metrics"),
        scheme=scheme,
        params=section.lists("params"),
        honor_labels=section.boolean("honor_labels"),
        honor_timestamps=section.boolean("honor_timestamps", default=True),
        track_timestamps_staleness=section.boolean("track_timestamps_staleness"),
        native_histograms=section.boolean("scrape_native_histograms", usual.native_histograms),
        classic_too=_classic_too(section, usual),
        bounds=_bounds(section, usual.bounds),
        target_limit=section.integer("target_limit", usual.target_limit),
        access=access_of(section, base),
        rules=section.rules("relabel_configs"),
        metric_rules=section.rules("metric_relabel_configs"),
    )
    _check_fixed(section)
    section.end()
    return job


def _classic_too(section: Section, usual: Usual) -> bool:
    older = section.boolean("scrape_classic_histograms", usual.classic_too)
    return section.boolean("always_scrape_classic_histograms", older)


def _bounds(section: Section, usual: Bounds) -> Bounds:
    return Bounds(
        samples=section.integer("sample_limit", usual.samples),
        labels=section.integer("label_limit", usual.labels),
        label_name_bytes=section.integer("label_name_length_limit", usual.label_name_bytes),
        label_value_bytes=section.integer("label_value_length_limit", usual.label_value_bytes),
        # 0 is "no limit" to Prometheus; a page is always bounded here, so that no target fills the memory.
        body_size_bytes=section.size_bytes("body_size_limit") or usual.body_size_bytes or _DEFAULT_BODY_BYTES,
    )


def _check_fixed(section: Section) -> None:
    for key in _NEGOTIATED:
        section.raw(key)
    for key, only in _ONLY.items():
        value = section.text(key, only)
        if value != only:
            raise section.error(key, f"{value!r} is not supported, expected {only}")
    section.refuse(_REFUSED, "is not supported")
