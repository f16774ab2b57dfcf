"""Storage classes and attachments of volumes, and their families."""

from __future__ import annotations

from typing import Final

from collector.kube.change import Resource
from collector.state.kind import annotated, created, info, kind, labelled, mapped, named, one
from collector.state.objects import Object, Part


class StorageClass(Object, frozen=True, kw_only=True):
    """A storage class. What it leaves out has the API's defaults."""

    provisioner: str = ""
    reclaim_policy: str | None = None
    volume_binding_mode: str | None = None


class Source(Part, frozen=True, kw_only=True):
    """What is attached."""

    persistent_volume_name: str | None = None


class AttachmentSpec(Part, frozen=True, kw_only=True):
    """What is attached where, and by whom."""

    attacher: str = ""
    node_name: str = ""
    source: Source = Source()


class AttachmentStatus(Part, frozen=True, kw_only=True):
    """What became of it."""

    attached: bool = False
    attachment_metadata: dict[str, str] | None = None


class Attachment(Object, frozen=True, kw_only=True):
    """A volume's attachment to a node."""

    spec: AttachmentSpec = AttachmentSpec()
    status: AttachmentStatus = AttachmentStatus()


def _volume(item: Attachment) -> tuple[str, ...] | None:
    name = item.spec.source.persistent_volume_name
    return (name,) if name else None


STORAGE_CLASSES: Final = kind(
    Resource("storage.k8s.io/v1", "storageclasses", StorageClass),
    "storageclass",
    ("storageclass",),
    named,
    (
        info(
            "info",
            "[STABLE] Information about storageclass.",
            ("provisioner", "reclaim_policy", "volume_binding_mode"),
            lambda item: (
                item.provisioner,
                item.reclaim_policy or "Delete",
                item.volume_binding_mode or "Immediate",
            ),
        ),
        created(),
        annotated(),
        labelled(),
    ),
)
ATTACHMENTS: Final = kind(
    Resource("storage.k8s.io/v1", "volumeattachments", Attachment),
    "volumeattachment",
    ("volumeattachment",),
    named,
    (
        labelled(is_stable=False),
        info(
            "info",
            "Information about volumeattachment.",
            ("attacher", "node"),
            lambda item: (item.spec.attacher, item.spec.node_name),
        ),
        created("Unix creation timestamp"),
        info(
            "spec_source_persistentvolume",
            "PersistentVolume source reference.",
            ("volumename",),
            _volume,
        ),
        one("status_attached", "Information about volumeattachment.", lambda item: item.status.attached),
        mapped(
            "status_attachment_metadata",
            "volumeattachment metadata.",
            "metadata",
            lambda item: item.status.attachment_metadata,
        ),
    ),
)
