"""Names that Prometheus gives to what an object says of itself: `__meta_kubernetes_…`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from collector.kube.change import Metadata

META: Final = "__meta_kubernetes_"
NAMESPACE: Final = META + "namespace"
_OTHERS: Final = re.compile(r"[^a-zA-Z0-9_]")


@lru_cache(maxsize=4096)
def sanitized(name: str) -> str:
    """A name with `_` for every character that a label name may not have."""
    return _OTHERS.sub("_", name)


def object_labels(kind: str, metadata: Metadata) -> dict[str, str]:
    """Name, labels and annotations of an object, under the name of its kind."""
    return {
        f"{META}{kind}_name": metadata.name,
        **marked(f"{META}{kind}_label", metadata.labels),
        **marked(f"{META}{kind}_annotation", metadata.annotations),
    }


def marked(prefix: str, values: Mapping[str, str]) -> dict[str, str]:
    """Each value, and a mark that it is there, since an empty label is none."""
    labels = {}
    for name, value in values.items():
        labels[f"{prefix}_{sanitized(name)}"] = value
        labels[f"{prefix}present_{sanitized(name)}"] = "true"
    return labels


def joined(host: str, port: int | str) -> str:
    """An address; brackets around IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
