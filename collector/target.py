"""What is read: one endpoint, its labels, and the rules that bind its pages. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ingest.relabel.rules import Rule

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a scrape proves who it is. Files are read again when they change.

    bearer_file, bearer: at most one of both. scheme: the word before it in the Authorization header.
    username with password or password_file: HTTP basic.
    """

    bearer: str = ""
    bearer_file: Path | None = None
    scheme: str = "Bearer"
    username: str = ""
    password: str = ""
    password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Trust:
    """How the other side proves who it is. insecure: its certificate is not checked at all."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str = ""
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one page may hold; 0 is no bound. A page beyond one of these counts as a failed scrape, whole.

    Names as in Prometheus's configuration: sample_limit counts samples after relabelling, label_limit labels
    of a series, the two lengths are bytes, body_size_bytes is the page when it is no longer compressed.
    """

    samples: int = 0
    labels: int = 0
    label_name_bytes: int = 0
    label_value_bytes: int = 0
    body_size_bytes: int = 64 * _MIB


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint. Two targets are the same when `url` and `labels` are.

    url: the whole address, with its query. job: the name of what configured it, for eyes and for grouping.
    labels: those of every series, `job` and `instance` among them, after relabelling and without `__` names.
    found: the labels before relabelling, `__address__` and `__meta_…` among them, for the targets page.
    honor_labels: a page's own label wins over the target's; else it is kept as `exported_<name>`.
    honor_timestamps: a page's own timestamps are kept; else all samples have the time of the scrape.
    track_timestamps_staleness: a series whose page gives it a time is ended too when it vanishes.
    native_histograms: they are asked for (in protobuf, the only form that has them) and kept.
    classic_too: classic buckets of a native histogram are kept as well.
    follow_redirects: an answer 3xx is followed; else it is a failed scrape.
    rules: relabelling of every series of the page.
    """

    url: str
    job: str
    labels: Mapping[str, str]
    found: Mapping[str, str] = field(default_factory=dict)
    interval_ms: int = 15_000
    timeout_ms: int = 10_000
    honor_labels: bool = False
    honor_timestamps: bool = True
    track_timestamps_staleness: bool = False
    native_histograms: bool = False
    classic_too: bool = False
    follow_redirects: bool = True
    rules: tuple[Rule, ...] = ()
    bounds: Bounds = Bounds()
    credentials: Credentials = Credentials()
    trust: Trust = Trust()


class Discovery(Protocol):
    """Where targets come from; the set changes as files, nodes and pods do."""

    async def run(self) -> None:
        """Keep the set current until cancelled."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The current set, in a stable order, without doubles."""
