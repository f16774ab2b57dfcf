"""A dashboard ready to be drawn: repeated panels written out, variables put in, panels under headings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from dashboards.documents.interpolation import Chosen, interpolate
from dashboards.documents.model import COLUMNS, Dashboard, Link, Panel, Place, Query
from dashboards.documents.variables import Resolved

_MOST_REPEATS = 50
_NARROWEST = 6


@dataclass(slots=True)
class Section:
    """Panels under one heading, '' above the first; places count from the section's own top."""

    title: str
    closed: bool
    panels: list[Panel] = field(default_factory=list)


def sections_of(dashboard: Dashboard, variables: Mapping[str, Resolved]) -> list[Section]:
    """What there is to draw, in order."""
    chosen = {name: one.chosen for name, one in variables.items()}
    starts = sorted(dashboard.rows, key=lambda row: row.y)
    found = [Section("", False)]
    loose = sorted(dashboard.panels, key=lambda panel: (panel.at.y, panel.at.x))
    for row, end in zip([None, *starts], [*(row.y for row in starts), None], strict=True):
        inside = [one for one in loose if _is_between(one, None if row is None else row.y, end)]
        if row is None:
            found[0].panels = _placed(inside, chosen)
            continue
        for values in _each(row.repeat, chosen):
            within = chosen | values
            title = interpolate(row.title, within)
            found.append(Section(title, row.closed, _placed([*inside, *row.panels], within)))
    return [section for section in found if section.panels or section.title]


def _is_between(panel: Panel, start: int | None, end: int | None) -> bool:
    return (start is None or panel.at.y >= start) and (end is None or panel.at.y < end)


def _each(name: str, chosen: Mapping[str, Chosen]) -> list[dict[str, Chosen]]:
    """A choice for every value of a variable; the one that there is where nothing is repeated."""
    if not name or name not in chosen:
        return [{}]
    return [{name: Chosen((value,))} for value in chosen[name].values[:_MOST_REPEATS]] or [{}]


def _placed(panels: Sequence[Panel], chosen: Mapping[str, Chosen]) -> list[Panel]:
    """Panels with everything put in, moved up to the section's top, and down where others are repeated."""
    top = min((panel.at.y for panel in panels), default=0)
    found: list[Panel] = []
    moved = 0
    for panel in panels:
        at = structs.replace(panel.at, y=panel.at.y - top + moved)
        each = _each(panel.repeat, chosen)
        places = _places(at, len(each), panel.repeat_across) if panel.repeat else [at]
        for values, place in zip(each, places, strict=True):
            found.append(_filled(structs.replace(panel, at=place), {**chosen, **values}))
        moved += places[-1].y - at.y
    return found


def _places(at: Place, count: int, across: bool) -> list[Place]:
    if not across:
        return [structs.replace(at, y=at.y + i * at.h) for i in range(count)]
    in_line = max(1, min(count, COLUMNS // _NARROWEST))
    width = COLUMNS // in_line
    return [Place(i % in_line * width, at.y + i // in_line * at.h, width, at.h) for i in range(count)]


def _filled(panel: Panel, chosen: Mapping[str, Chosen]) -> Panel:
    return structs.replace(
        panel,
        title=interpolate(panel.title, chosen),
        description=interpolate(panel.description, chosen),
        queries=[_query(query, chosen) for query in panel.queries if not query.hidden],
        links=list(_links(panel.links, chosen)),
        look=structs.replace(panel.look, markdown=interpolate(panel.look.markdown, chosen)),
        min_step=interpolate(panel.min_step, chosen),
    )


def _query(query: Query, chosen: Mapping[str, Chosen]) -> Query:
    return structs.replace(
        query,
        expr=interpolate(query.expr, chosen, is_query=True),
        legend=interpolate(query.legend, chosen),
        min_step=interpolate(query.min_step, chosen),
    )


def _links(links: Iterable[Link], chosen: Mapping[str, Chosen]) -> Iterable[Link]:
    for link in links:
        yield structs.replace(link, url=interpolate(link.url, chosen), title=interpolate(link.title, chosen))
