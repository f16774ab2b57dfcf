"""What a process tells of its settings; secrets are never among it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from query.answers.status import Status
from server.settings import Settings

_SECRET: Final = "<secret>"


def status_of(settings: Settings, version: str, started_s: float) -> Status:
    """The settings in force, as flags and as YAML. started_s: seconds since the epoch."""
    shown = _shown(settings.model_dump(mode="json"))
    return Status(
        version=version,
        flags=_flat(shown),
        config=yaml.safe_dump(shown, sort_keys=False),
        started_s=started_s,
        retention=f"{settings.storage.retention_days}d",
    )


def _shown(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _shown(value) if isinstance(value, dict) else _masked(key, value)
        for key, value in values.items()
    }


def _masked(key: str, value: Any) -> Any:
    if value is None:
        return None
    if key == "token":
        return _SECRET
    if isinstance(value, str) and "://" in value:
        return _without_password(value)
    return value


def _without_password(url: str) -> str:
    password = urlsplit(url).password
    return url.replace(f":{password}@", f":{_SECRET}@") if password else url


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key.replace('_', '-')}"
        if isinstance(value, dict):
            found.update(_flat(value, f"{name}."))
        else:
            found[name] = _text(value)
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
