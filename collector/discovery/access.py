"""Credentials, trust and redirects as Prometheus's HTTP settings write them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from collector.discovery.job import Access
from collector.discovery.section import Section
from collector.target import Credentials, Trust

_WAYS: Final = ("basic_auth", "authorization", "bearer_token", "bearer_token_file")
_REFUSED: Final = (
    "oauth2",
    "sigv4",
    "google_iam",
    "http_headers",
    "proxy_url",
    "proxy_from_environment",
    "proxy_connect_header",
    "no_proxy",
)


def access_of(section: Section, base: Path) -> Access:
    """What the HTTP keys of a job or a discovery say. Relative files lie in `base`. Raises ConfigError."""
    section.refuse(_REFUSED, "is not supported, expected one of " + ", ".join(_WAYS))
    given = [way for way in _WAYS if way in section]
    if len(given) > 1:
        raise section.error(given[1], f"stands beside {given[0]}, expected one of them")
    section.boolean("enable_http2", default=True)  # pages come by HTTP/1.1 either way
    return Access(
        credentials=_credentials(section, base),
        trust=_trust(section.section("tls_config"), base),
        follow_redirects=section.boolean("follow_redirects", default=True),
    )


def _credentials(section: Section, base: Path) -> Credentials:
    basic, authorization = section.section("basic_auth"), section.section("authorization")
    if basic is not None:
        return _basic(basic, base)
    if authorization is not None:
        return _authorization(authorization, base)
    return Credentials(section.text("bearer_token"), _file(section, "bearer_token_file", base))


def _basic(section: Section, base: Path) -> Credentials:
    section.refuse(("username_file", "username_ref", "password_ref"), "is not supported, expected username")
    credentials = Credentials(
        username=section.text("username"),
        password=section.text("password"),
        password_file=_file(section, "password_file", base),
    )
    if not credentials.username:
        raise section.error("username", "is missing")
    if credentials.password and credentials.password_file:
        raise section.error("password_file", "stands beside password, expected one of them")
    section.end()
    return credentials


def _authorization(section: Section, base: Path) -> Credentials:
    section.refuse(("credentials_ref",), "is not supported, expected credentials_file")
    scheme = section.text("type", "Bearer")
    if scheme.lower() == "basic":
        raise section.error("type", "basic is written as basic_auth")
    token, file = section.text("credentials"), _file(section, "credentials_file", base)
    if token and file:
        raise section.error("credentials_file", "stands beside credentials, expected one of them")
    section.end()
    return Credentials(token, file, scheme)


def _trust(section: Section | None, base: Path) -> Trust:
    if section is None:
        return Trust()
    section.refuse(
        ("ca", "cert", "key", "ca_ref", "cert_ref", "key_ref"), "is not supported, expected a file"
    )
    section.refuse(("min_version", "max_version"), "is not supported: TLS 1.2 and 1.3 are spoken")
    trust = Trust(
        ca_file=_file(section, "ca_file", base),
        cert_file=_file(section, "cert_file", base),
        key_file=_file(section, "key_file", base),
        server_name=section.text("server_name"),
        insecure=section.boolean("insecure_skip_verify"),
    )
    if bool(trust.cert_file) != bool(trust.key_file):
        raise section.error("cert_file" if trust.key_file else "key_file", "is missing beside the other")
    section.end()
    return trust


def _file(section: Section, key: str, base: Path) -> Path | None:
    value = section.text(key)
    return base / value if value else None
