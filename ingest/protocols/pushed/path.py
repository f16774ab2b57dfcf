"""The labels that the path of a push names: `job/<job>{/<label>/<value>}`, or `<label>@base64/<value>`.

Format: Pushgateway's README, "URL".
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from storage.errors import DecodeError
from storage.model import METRIC_NAME, Labels

_BASE64: Final = "@base64"
_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def group_of(path: str) -> Labels:
    """The group's labels, sorted; labels without a value are none. Raises `DecodeError`."""
    parts = path.strip("/").split("/")
    if len(parts) % 2:
        raise DecodeError(
            f"path {path[:80]!r} has a label without a value, expected job/<job>/<label>/<value>"
        )
    found = dict[str, str]()
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        if name.endswith(_BASE64):
            name, value = name.removesuffix(_BASE64), _plain(value)  # noqa: PLW2901 - the plain form replaces it
        if not _NAME.fullmatch(name) or name == METRIC_NAME or name in found:
            raise DecodeError(f"{name[:80]!r} is no label's name, or stands twice in the path")
        found[name] = value
    if not found.get("job") or parts[0].removesuffix(_BASE64) != "job":
        raise DecodeError("the path names no job, expected job/<job>")
    return tuple(sorted((name, value) for name, value in found.items() if value))


def _plain(value: str) -> str:
    """Base64 of the alphabet for URLs, its padding left out or not; '=' is the empty value."""
    bare = value.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise DecodeError(f"{value[:80]!r} is not base64 of UTF-8: {error}") from None
