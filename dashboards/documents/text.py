"""Dashboards as text: YAML for people and for git, JSON for programs. What is wrong is named by its path."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import yaml

from dashboards.documents.model import COLUMNS, FORMAT, Dashboard
from storage.errors import InputError

_UID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
_MOST_BYTES: Final = 4 << 20
_MOST_PANELS: Final = 1_000


def parse(text: str) -> Dashboard:
    """Read YAML or JSON, which is YAML. Raises `InputError` that names the place and what was expected."""
    if len(text) > _MOST_BYTES:
        raise InputError(f"the document has {len(text)} characters, the limit is {_MOST_BYTES}")
    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise InputError(f"the document is not YAML: {error}") from None
    return of(content)


def of(content: Any) -> Dashboard:
    """Check what a document holds, as lists, mappings and scalars. Raises `InputError` as `parse` does."""
    try:
        found = msgspec.convert(content, Dashboard)
    except msgspec.ValidationError as error:
        raise InputError(f"the dashboard is not valid: {error}") from None
    return checked(found)


def to_yaml(dashboard: Dashboard) -> str:
    """The document, keys in the order of the model, and nothing that is at its default."""
    content = {"swell": FORMAT, **_told(dashboard)}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def to_json(dashboard: Dashboard) -> bytes:
    """The document as JSON, defaults left out."""
    return msgspec.json.encode({"swell": FORMAT, **_told(dashboard)})


def json_schema() -> dict[str, Any]:
    """What a document may hold, as JSON Schema, for editors."""
    return msgspec.json.schema(Dashboard)


def _told(value: Any) -> Any:
    """Builtins of a value, without what is at its default: msgspec's own compares texts by identity."""
    if isinstance(value, list):
        return [_told(one) for one in value]
    if not isinstance(value, msgspec.Struct):
        return value
    found = {}
    for field in msgspec.structs.fields(value):
        own = getattr(value, field.name)
        factory = field.default_factory
        default = field.default if factory is msgspec.NODEFAULT else factory()
        if own != default:
            found[field.name] = _told(own)
    return found


def checked(dashboard: Dashboard) -> Dashboard:
    """The dashboard itself. Raises `InputError` for what its types do not tell."""
    if dashboard.swell != FORMAT:
        raise InputError(f"swell: {dashboard.swell!r} is not a format of this version, expected {FORMAT!r}")
    if not _UID.fullmatch(dashboard.uid):
        raise InputError(f"uid: {dashboard.uid!r} is not 1 to 40 letters, digits, '-' and '_'")
    panels = dashboard.every_panel()
    if len(panels) > _MOST_PANELS:
        raise InputError(f"the dashboard has {len(panels)} panels, the limit is {_MOST_PANELS}")
    for panel in panels:
        at = panel.at
        if not (
            at.x >= 0 and at.y >= 0 and at.w >= 1 and at.x + at.w <= COLUMNS and COLUMNS * 4 >= at.h >= 1
        ):
            raise InputError(
                f"panel {panel.title!r}: x {at.x}, y {at.y}, width {at.w}, height {at.h} is not a place on "
                f"the grid of {COLUMNS} columns"
            )
    names = [variable.name for variable in dashboard.variables]
    for name in names:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise InputError(f"variable {name!r} is not a name of letters, digits and '_'")
        if names.count(name) > 1:
            raise InputError(f"variable {name!r} is there twice")
    return dashboard
