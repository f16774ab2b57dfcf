"""Lines inside of a form, as `curl -F file=@lines` posts them (RFC 7578)."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import HTTP

from storage.errors import DecodeError


def without_form(raw: bytes, content_type: str) -> bytes:
    """All parts of a form, one after another. Raises `DecodeError`."""
    head = b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n"
    form = message_from_bytes(head + raw, policy=HTTP)
    if not form.is_multipart():
        raise DecodeError(f"content type {content_type[:80]!r} does not fit the body, which is no form")
    parts = [part.get_payload(decode=True) for part in form.iter_parts()]
    return b"\n".join(part for part in parts if isinstance(part, bytes))
