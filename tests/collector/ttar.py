"""Unpacks the text archives that carry the fixture of /sys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def unpack(archive: str, into: Path) -> None:
    """Write the files, directories and symbolic links of an archive below `into`."""
    lines = iter(archive.split("\n"))
    for line in lines:
        kind, _, name = line.partition(": ")
        if kind == "Directory":
            (into / name).mkdir(parents=True, exist_ok=True)
        elif kind == "Path":
            _member(into / name, lines)


def _member(path: Path, lines: Iterator[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind, _, value = next(lines).partition(": ")
    if kind == "SymlinkTo":
        path.symlink_to(value)
    else:
        path.write_text(_text([next(lines) for _ in range(int(value))]))


def _text(lines: list[str]) -> str:
    """A last line that ends in EOF lacks its newline; words stand for a NUL byte and for EOF itself."""
    text = "".join(f"{line}\n" for line in lines)
    if text.endswith("EOF\n") and not text.endswith("\\EOF\n"):
        text = text[: -len("EOF\n")]
    return text.replace("NULLBYTE", "\0").replace("\\EOF", "EOF").replace("\\\0", "NULLBYTE")
