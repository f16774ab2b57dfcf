"""How a scrape proves who it is, and how it knows whom it asks. Files are read again when they change."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from collector.target import Credentials, Trust
from storage.errors import ScrapeError

_Stamp: TypeAlias = tuple[int, int, int]


@dataclass(slots=True)
class Access:
    """Remembers contents of files and what was made of them, until the files change."""

    texts: dict[Path, tuple[_Stamp, str]] = field(default_factory=dict)
    contexts: dict[Trust, tuple[tuple[_Stamp, ...], ssl.SSLContext]] = field(default_factory=dict)

    def headers(self, credentials: Credentials) -> dict[str, str]:
        """The authorization header, none without credentials. Raises `ScrapeError` for a file that fails."""
        if credentials.bearer_file is not None:
            return {"Authorization": f"{credentials.scheme} {self._text(credentials.bearer_file)}"}
        if credentials.bearer:
            return {"Authorization": f"{credentials.scheme} {credentials.bearer}"}
        if not credentials.username and credentials.password_file is None and not credentials.password:
            return {}
        file = credentials.password_file
        password = self._text(file) if file is not None else credentials.password
        pair = f"{credentials.username}:{password}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def tls(self, trust: Trust) -> ssl.SSLContext:
        """What TLS needs. Raises `ScrapeError` for a file that fails."""
        files = (trust.ca_file, trust.cert_file, trust.key_file)
        stamps = tuple(_stamp(file) for file in files if file is not None)
        known = self.contexts.get(trust)
        if known is None or known[0] != stamps:
            known = self.contexts[trust] = (stamps, _context(trust))
        return known[1]

    def _text(self, file: Path) -> str:
        stamp = _stamp(file)
        known = self.texts.get(file)
        if known is None or known[0] != stamp:
            try:
                known = self.texts[file] = (stamp, file.read_text().strip())
            except (OSError, UnicodeDecodeError) as error:
                raise _unusable(file, error) from None
        return known[1]


def _context(trust: Trust) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(trust.ca_file) if trust.ca_file else None)
        if trust.cert_file is not None:
            context.load_cert_chain(trust.cert_file, trust.key_file)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise _unusable(trust.cert_file or trust.ca_file, error) from None
    if trust.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _stamp(file: Path) -> _Stamp:
    """Changes with the file, also where a link is set to another one, as a mounted secret is."""
    try:
        status = file.stat()
    except OSError as error:
        raise _unusable(file, error) from None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _unusable(file: Path | None, error: Exception) -> ScrapeError:
    return ScrapeError(f"cannot use {str(file)!r}: {error}", "credentials")
