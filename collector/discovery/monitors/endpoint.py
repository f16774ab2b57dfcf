"""What the endpoints of all monitors have in common: times, limits, credentials, rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from collector.discovery.job import Access, Job
from collector.discovery.section import Section, as_text
from collector.kube.change import Metadata
from collector.target import Bounds, Credentials, Trust
from ingest.relabel.document import rules_of
from ingest.relabel.rules import Action, Rule
from storage.errors import ConfigError

_CAPITAL: Final = re.compile(r"(?<!^)([A-Z])")
_REFUSED: Final = ("oauth2", "proxyUrl", "proxyFromEnvironment", "noProxy", "proxyConnectHeader")


class Monitor(msgspec.Struct, rename="camel", frozen=True):
    """A ServiceMonitor, PodMonitor or Probe, its spec as it came."""

    metadata: Metadata = Metadata()
    spec: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Translation:
    """How monitors become jobs.

    interval_ms, timeout_ms: where a monitor gives none. role: `endpointslice` or `endpoints`, which objects
    tell what stands behind a service. secrets: a directory with the Secrets that monitors name, each key as
    `<namespace>/<name>/<key>`, since a collector may not read Secrets of the API; None refuses them.
    """

    interval_ms: int = 30_000
    timeout_ms: int = 10_000
    role: str = "endpointslice"
    secrets: Path | None = None

    def secret(self, section: Section, key: str, namespace: str) -> Path | None:
        """The file of a Secret's or ConfigMap's key. Raises ConfigError where there is no directory."""
        reference = section.section(key)
        if reference is None or not reference.text("key"):
            return None
        name, item = reference.text("name"), reference.text("key")
        if self.secrets is None:
            raise section.error(
                key, f"names the Secret {name!r}, which a collector does not read; expected a mounted file"
            )
        for part in (name, item):
            if "/" in part or part in ("", ".", ".."):
                raise section.error(key, f"{part!r} is not a name")
        return self.secrets / namespace / name / item


def spec_of(kind: str, monitor: Monitor) -> Section:
    """The spec, that knows whose it is."""
    metadata = monitor.metadata
    return Section(as_text(monitor.spec), f"{kind} {metadata.namespace}/{metadata.name}")


def base_job(name: str, spec: Section, endpoint: Section, how: Translation, namespace: str) -> Job:
    """What every kind of endpoint says alike. Raises ConfigError."""
    endpoint.refuse(_REFUSED, "is not supported")
    interval_ms = endpoint.duration_ms("interval") or how.interval_ms
    timeout_ms = endpoint.duration_ms("scrapeTimeout") or min(how.timeout_ms, interval_ms)
    if timeout_ms > interval_ms:
        raise endpoint.error("scrapeTimeout", "is above the interval")
    scheme = endpoint.text("scheme", "http").lower()
    if scheme not in ("http", "https"):
        raise endpoint.error("scheme", f"{scheme!r} is unknown, expected http or https")
    return Job(
        name=name,
        interval_ms=interval_ms,
        timeout_ms=timeout_ms,
        path=endpoint.text("path", "/metrics"),
        scheme=scheme,
        params=endpoint.lists("params"),
        honor_labels=endpoint.boolean("honorLabels"),
        honor_timestamps=endpoint.boolean("honorTimestamps", default=True),
        track_timestamps_staleness=endpoint.boolean("trackTimestampsStaleness"),
        native_histograms=spec.boolean("scrapeNativeHistograms"),
        classic_too=spec.boolean("scrapeClassicHistograms"),
        bounds=bounds_of(spec),
        target_limit=spec.integer("targetLimit"),
        access=access_of(endpoint, how, namespace),
        metric_rules=rules_in(endpoint, "metricRelabelings"),
    )


def bounds_of(spec: Section) -> Bounds:
    """The limits of a monitor."""
    return Bounds(
        samples=spec.integer("sampleLimit"),
        labels=spec.integer("labelLimit"),
        label_name_bytes=spec.integer("labelNameLengthLimit"),
        label_value_bytes=spec.integer("labelValueLengthLimit"),
        body_size_bytes=spec.size_bytes("bodySizeLimit") or Bounds().body_size_bytes,
    )


def rules_in(section: Section, key: str) -> tuple[Rule, ...]:
    """Relabel rules with the operator's names of keys. Raises ConfigError."""
    parts = section.raw(key) or []
    try:
        return rules_of([_snake(part) for part in parts] if isinstance(parts, list) else parts)
    except ConfigError as error:
        raise section.error(key, str(error)) from None


def _snake(part: Any) -> Any:
    if not isinstance(part, Mapping):
        return part
    return {_CAPITAL.sub(r"_\1", key).lower(): value for key, value in part.items()}


def copied(source: str, target: str, regex: str = "(.*)") -> Rule:
    """A rule that copies a label; with a regex of one group only what that finds."""
    return Rule(source_labels=(source,), target_label=target, regex=regex)


def kept(source: str, regex: str) -> Rule:
    """A rule that keeps what a label's value matches."""
    return Rule(Action.KEEP, source_labels=(source,), regex=regex)


def access_of(endpoint: Section, how: Translation, namespace: str) -> Access:
    """Credentials and trust; Secrets only as files of the directory. Raises ConfigError."""
    return Access(
        credentials=_credentials(endpoint, how, namespace),
        trust=_trust(endpoint.section("tlsConfig"), how, namespace),
        follow_redirects=endpoint.boolean("followRedirects", default=True),
    )


def _credentials(endpoint: Section, how: Translation, namespace: str) -> Credentials:
    basic, authorization = endpoint.section("basicAuth"), endpoint.section("authorization")
    if basic is not None:
        user = how.secret(basic, "username", namespace)
        return Credentials(
            username=_content(basic, "username", user), password_file=how.secret(basic, "password", namespace)
        )
    if authorization is not None:
        file = how.secret(authorization, "credentials", namespace)
        return Credentials(bearer_file=file, scheme=authorization.text("type", "Bearer"))
    file = how.secret(endpoint, "bearerTokenSecret", namespace)
    given = endpoint.text("bearerTokenFile")
    return Credentials(bearer_file=Path(given) if given else file)


def _content(section: Section, key: str, path: Path | None) -> str:
    if path is None:
        raise section.error(key, "is missing")
    try:
        return path.read_text().strip()
    except OSError as error:
        raise section.error(key, f"cannot read {path}: {error.strerror}") from None


def _trust(section: Section | None, how: Translation, namespace: str) -> Trust:
    if section is None:
        return Trust()
    return Trust(
        ca_file=_file(section, "caFile") or _either(section, "ca", how, namespace),
        cert_file=_file(section, "certFile") or _either(section, "cert", how, namespace),
        key_file=_file(section, "keyFile") or how.secret(section, "keySecret", namespace),
        server_name=section.text("serverName"),
        insecure=section.boolean("insecureSkipVerify"),
    )


def _file(section: Section, key: str) -> Path | None:
    value = section.text(key)
    return Path(value) if value else None


def _either(section: Section, key: str, how: Translation, namespace: str) -> Path | None:
    """A `secret` or a `configMap`."""
    part = section.section(key)
    if part is None:
        return None
    return how.secret(part, "secret", namespace) or how.secret(part, "configMap", namespace)
