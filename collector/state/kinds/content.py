"""Config maps and secrets: never what is in them; off by default, since to list them is to read them."""

from __future__ import annotations

from typing import Final

from collector.kube.change import Resource
from collector.state.kind import annotated, created, info, kind, labelled, namespaced, owners, version
from collector.state.objects import Object


class ConfigMap(Object, frozen=True, kw_only=True):
    """A config map."""


class Secret(Object, frozen=True, kw_only=True):
    """A secret."""

    type: str = ""


CONFIG_MAPS: Final = kind(
    Resource("v1", "configmaps", ConfigMap),
    "configmap",
    ("namespace", "configmap"),
    namespaced,
    (
        annotated(),
        labelled(),
        info("info", "[STABLE] Information about configmap.", (), lambda _: ()),
        created(),
        version("Resource version representing a specific version of the configmap."),
    ),
    is_default=False,
)
SECRETS: Final = kind(
    Resource("v1", "secrets", Secret),
    "secret",
    ("namespace", "secret"),
    namespaced,
    (
        info("info", "[STABLE] Information about secret.", (), lambda _: ()),
        info("type", "[STABLE] Type about secret.", ("type",), lambda item: (item.type,)),
        annotated(),
        labelled(),
        created(),
        version("Resource version representing a specific version of secret."),
        owners("Information about the Secret's owner."),
    ),
    is_default=False,
)
