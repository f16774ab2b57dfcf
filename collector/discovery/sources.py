"""The discoveries that a job of Prometheus's names."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from collector.discovery.access import access_of
from collector.discovery.group import group_of
from collector.discovery.job import Files, Http, Kubernetes, Scope, Source, Static
from collector.discovery.kubernetes.roles import ROLES
from collector.discovery.section import Section

_KNOWN: Final = ("static_configs", "file_sd_configs", "http_sd_configs", "kubernetes_sd_configs")
_OTHERS: Final = (
    "aws",
    "azure",
    "consul",
    "digitalocean",
    "dns",
    "docker",
    "dockerswarm",
    "ec2",
    "eureka",
    "gce",
    "hetzner",
    "ionos",
    "kuma",
    "lightsail",
    "linode",
    "marathon",
    "nerve",
    "nomad",
    "openstack",
    "outscale",
    "ovhcloud",
    "puppetdb",
    "scaleway",
    "serverset",
    "stackit",
    "triton",
    "uyuni",
    "vultr",
)
_FILE_ENDINGS: Final = (".json", ".yml", ".yaml")


def sources_of(section: Section, base: Path) -> tuple[Source, ...]:
    """The sources of a job. Raises ConfigError, also for a discovery that is not one of them."""
    section.refuse(
        [f"{name}_sd_configs" for name in _OTHERS], "is not supported, expected one of " + ", ".join(_KNOWN)
    )
    groups = tuple(group_of(part) for part in section.sections("static_configs"))
    return (
        *((Static(groups),) if groups else ()),
        *(_files(part, base) for part in section.sections("file_sd_configs")),
        *(_http(part, base) for part in section.sections("http_sd_configs")),
        *(_kubernetes(part) for part in section.sections("kubernetes_sd_configs")),
    )


def _files(section: Section, base: Path) -> Files:
    patterns = section.texts("files")
    if not patterns:
        raise section.error("files", "is empty, expected paths")
    for pattern in patterns:
        if not pattern.endswith(_FILE_ENDINGS):
            raise section.error("files", f"{pattern!r} does not end in one of {', '.join(_FILE_ENDINGS)}")
        if "*" in str(Path(pattern).parent):
            raise section.error("files", f"{pattern!r} has a * before its last part")
    section.duration_ms("refresh_interval")  # files are looked at often enough without
    section.end()
    return Files(tuple(base / pattern for pattern in patterns))


def _http(section: Section, base: Path) -> Http:
    url = section.text("url")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise section.error("url", f"{url!r} is not an http:// or https:// address")
    source = Http(url, section.duration_ms("refresh_interval", 60_000), access_of(section, base))
    section.end()
    return source


def _kubernetes(section: Section) -> Kubernetes:
    section.refuse(
        ("api_server", "kubeconfig_file", "basic_auth", "authorization", "oauth2", "tls_config"),
        "is not supported: a collector asks the cluster that it runs in",
    )
    role = section.text("role")
    if role not in ROLES:
        raise section.error("role", f"{role!r} is unknown, expected one of {', '.join(ROLES)}")
    attach = section.section("attach_metadata")
    with_nodes = False
    if attach is not None:
        with_nodes = attach.boolean("node")
        attach.end()
    scope = Scope(_namespaces(section.section("namespaces")), _selectors(section, role), with_nodes)
    section.end()
    return Kubernetes(role, scope)


def _namespaces(section: Section | None) -> tuple[str, ...]:
    if section is None:
        return ()
    names = section.texts("names")
    if section.boolean("own_namespace"):
        raise section.error("own_namespace", "is not supported, expected names")
    section.end()
    return tuple(sorted(names))


def _selectors(section: Section, role: str) -> tuple[tuple[str, str, str], ...]:
    kinds = ROLES[role].kinds
    selectors = []
    for part in section.sections("selectors"):
        kind = part.text("role")
        if kind not in kinds:
            raise part.error("role", f"{kind!r} is not of role {role}, expected one of {', '.join(kinds)}")
        selectors.append((kind, part.text("label"), part.text("field")))
        part.end()
    return tuple(sorted(selectors))
