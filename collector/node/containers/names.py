"""What container runtimes call a container: its name and image, from the files that they keep."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from collector.node.containers.metrics import Group
from collector.node.roots import read_text

# The last part of the group: docker-<id>.scope, libpod-<id>.scope, crio-<id>.scope, <id> and the like.
_ID = re.compile(r"(?:^|[-:/])([0-9a-f]{64})(?:\.scope)?$")

_KUBERNETES = "io.kubernetes.container.name"


def container_id(group: str) -> str:
    """The container that a control group is of, '' for a group that is no container's."""
    found = _ID.search(group)
    return found[1] if found else ""


@dataclass(slots=True)
class Names:
    """Looks containers up below `rootfs` and remembers them while they live.

    A container that no runtime knows, or whose files are not for us, is called by its id.
    """

    rootfs: str
    known: dict[str, Group] = field(default_factory=dict)

    def of(self, groups: list[str]) -> list[Group]:
        """The labels of each group."""
        before, self.known = self.known, {}
        podman: dict[str, dict[str, Any]] | None = None
        for group in groups:
            known = before.get(group)
            if known is None:
                identity = container_id(group)
                if identity and podman is None:
                    podman = self._podman()
                known = self._look_up(group, identity, podman or {}) if identity else Group(group)
            self.known[group] = known
        return [*self.known.values()]

    def _look_up(self, group: str, identity: str, podman: Mapping[str, dict[str, Any]]) -> Group:
        for found in (self._docker(identity), self._containerd(identity), podman.get(identity)):
            if found:
                name = str(found.get("name") or identity)
                return Group(group, name, str(found.get("container") or name), str(found.get("image") or ""))
        return Group(group, identity, identity)

    def _docker(self, identity: str) -> dict[str, Any]:
        known = _document(f"{self.rootfs}/var/lib/docker/containers/{identity}/config.v2.json")
        config = _mapping(known.get("Config"))
        labels = _mapping(config.get("Labels"))
        return known and {
            "name": str(known.get("Name", "")).lstrip("/"),
            "container": labels.get(_KUBERNETES),
            "image": config.get("Image"),
        }

    def _containerd(self, identity: str) -> dict[str, Any]:
        tasks = f"{self.rootfs}/run/containerd/io.containerd.runtime.v2.task"
        for path in glob.iglob(f"{glob.escape(tasks)}/*/{identity}/config.json"):  # noqa: PTH207
            notes = _mapping(_document(path).get("annotations"))
            return {
                "name": notes.get("nerdctl/name"),
                "container": notes.get("io.kubernetes.cri.container-name"),
                "image": notes.get("io.kubernetes.cri.image-name"),
            }
        return {}

    def _podman(self) -> dict[str, dict[str, Any]]:
        """Podman keeps all containers in one file."""
        path = f"{self.rootfs}/var/lib/containers/storage/overlay-containers/containers.json"
        found = {}
        for each in _document(path, list):
            entry = _mapping(each)
            notes = _mapping(_decoded(str(entry.get("metadata", ""))))
            names = entry.get("names")
            found[str(entry.get("id"))] = {
                "name": names[0] if isinstance(names, list) and names else notes.get("name"),
                "image": notes.get("image-name"),
            }
        return found


def _document(path: str, kind: type = dict) -> Any:
    """A JSON file; empty where it is missing, not for us, or not what was expected."""
    try:
        content = _decoded(read_text(path)) if os.path.exists(path) else None  # noqa: PTH110
    except OSError:
        content = None
    return content if isinstance(content, kind) else kind()


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
