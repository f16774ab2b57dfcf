"""Bodies that come compressed, opened piece by piece so that a small one cannot become a huge one unseen."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from storage.errors import ScrapeError

PIECE_BYTES: Final = 1 << 17
"""How large the pieces are at most."""
_GZIP_WINDOW: Final = 31


@dataclass(slots=True)
class Inflate:
    """Opens one gzip body (RFC 1952), which may have several members."""

    member: Any = field(default_factory=lambda: zlib.decompressobj(_GZIP_WINDOW))

    def pieces(self, raw: bytes) -> Iterator[bytes]:
        """What the next bytes of the body hold. Raises `ScrapeError`."""
        try:
            while raw:
                if self.member.eof:
                    self.member = zlib.decompressobj(_GZIP_WINDOW)
                yield self.member.decompress(raw, PIECE_BYTES)
                raw = self.member.unused_data if self.member.eof else self.member.unconsumed_tail
        except zlib.error as error:
            raise ScrapeError(f"the page is not gzip: {error}", "encoding") from None

    def finish(self) -> None:
        """Raise `ScrapeError` where the body ended before its time."""
        if not self.member.eof:
            raise ScrapeError("the page ends before its gzip does", "encoding")
