"""The families by resource as Markdown, for docs/collectors.md: `python -m tests.state.families`."""

from __future__ import annotations

from collector.state.kind import Kind
from collector.state.table import KINDS

BEGIN = "<!-- families: written by python -m tests.state.families -->"
END = "<!-- end of families -->"


def table() -> str:
    """A row for each resource: families without the prefix that they share, and their own labels."""
    head = ["| resource | labels of all | families and their further labels |", "| --- | --- | --- |"]
    return "\n".join([BEGIN, *head, *(_row(plural, kind) for plural, kind in KINDS.items()), END])


def _row(plural: str, kind: Kind) -> str:  # type: ignore[type-arg] # of any object
    off = "" if kind.is_default else " (off by default)"
    identity = ", ".join(f"`{name}`" for name in kind.identity_names)
    return f"| {plural}{off} | {identity} | {', '.join(_families(kind))} |"


def _families(kind: Kind) -> list[str]:  # type: ignore[type-arg] # of any object
    found = []
    for spec in kind.specs:
        own = [*spec.family.label_names[len(kind.identity_names) :]]
        if spec.mapped is not None:
            own.append(f"{spec.mapped.prefix}_*")
        labels = f"{{{','.join(own)}}}" if own else ""
        found.append(f"`{spec.family.name}{labels}`" + (" (asked for)" if spec.is_opt_in else ""))
    return found


if __name__ == "__main__":
    print(table())
