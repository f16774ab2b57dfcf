"""Persistent volumes, and their families."""

from __future__ import annotations

from typing import Final

import msgspec

from collector.kube.change import Resource
from collector.state.kind import (
    annotated,
    choice_rows,
    created,
    deletion,
    info,
    kind,
    labelled,
    many,
    named,
    one,
)
from collector.state.objects import Object, Part, Quantities, Reference
from collector.state.quantity import amount

_PHASES: Final = ("Pending", "Available", "Bound", "Released", "Failed")
_INFO: Final = (
    "storageclass",
    "gce_persistent_disk_name",
    "ebs_volume_id",
    "azure_disk_name",
    "fc_wwids",
    "fc_lun",
    "fc_target_wwns",
    "iscsi_target_portal",
    "iscsi_iqn",
    "iscsi_lun",
    "iscsi_initiator_name",
    "nfs_server",
    "nfs_path",
    "csi_driver",
    "csi_volume_handle",
    "local_path",
    "local_fs",
    "host_path",
    "host_path_type",
    "reclaim_policy",
)


class GoogleDisk(Part, frozen=True, kw_only=True):
    """A disk of Google Compute Engine."""

    pd_name: str = ""


class AmazonDisk(Part, frozen=True, kw_only=True):
    """A volume of Elastic Block Store."""

    volume_id: str = msgspec.field(name="volumeID", default="")


class AzureDisk(Part, frozen=True, kw_only=True):
    """A disk of Azure."""

    disk_name: str = ""


class FibreChannel(Part, frozen=True, kw_only=True):
    """A unit reached by Fibre Channel."""

    wwids: list[str] | None = None
    lun: int | None = None
    target_wwns: list[str] | None = msgspec.field(name="targetWWNs", default=None)


class Iscsi(Part, frozen=True, kw_only=True):
    """A unit reached by iSCSI."""

    target_portal: str = ""
    iqn: str = ""
    lun: int = 0
    initiator_name: str | None = None


class Nfs(Part, frozen=True, kw_only=True):
    """A directory of an NFS server."""

    server: str = ""
    path: str = ""


class Csi(Part, frozen=True, kw_only=True):
    """A volume of a storage driver."""

    driver: str = ""
    volume_handle: str = ""
    volume_attributes: dict[str, str] | None = None


class Local(Part, frozen=True, kw_only=True):
    """A disk of a node."""

    path: str = ""
    fs_type: str | None = None


class HostPath(Part, frozen=True, kw_only=True):
    """A directory of a node."""

    path: str = ""
    type: str | None = None


class VolumeSpec(Part, frozen=True, kw_only=True):
    """What the volume is."""

    storage_class_name: str = ""
    persistent_volume_reclaim_policy: str = ""
    volume_mode: str | None = None
    access_modes: list[str] | None = None
    capacity: Quantities | None = None
    claim_ref: Reference | None = None
    gce_persistent_disk: GoogleDisk | None = None
    aws_elastic_block_store: AmazonDisk | None = None
    azure_disk: AzureDisk | None = None
    fc: FibreChannel | None = None
    iscsi: Iscsi | None = None
    nfs: Nfs | None = None
    csi: Csi | None = None
    local: Local | None = None
    host_path: HostPath | None = None


class VolumeStatus(Part, frozen=True, kw_only=True):
    """What became of it."""

    phase: str = ""


class Volume(Object, frozen=True, kw_only=True):
    """A persistent volume."""

    spec: VolumeSpec = VolumeSpec()
    status: VolumeStatus = VolumeStatus()


def _info(item: Volume) -> tuple[str, ...]:
    spec = item.spec
    fibre, iscsi = spec.fc or FibreChannel(), spec.iscsi or Iscsi()
    nfs, csi = spec.nfs or Nfs(), spec.csi or Csi()
    local, host = spec.local or Local(), spec.host_path or HostPath()
    return (
        spec.storage_class_name,
        spec.gce_persistent_disk.pd_name if spec.gce_persistent_disk else "",
        spec.aws_elastic_block_store.volume_id if spec.aws_elastic_block_store else "",
        spec.azure_disk.disk_name if spec.azure_disk else "",
        ",".join(fibre.wwids or ()),
        "" if fibre.lun is None else str(fibre.lun),
        ",".join(fibre.target_wwns or ()),
        iscsi.target_portal,
        iscsi.iqn,
        str(iscsi.lun) if spec.iscsi else "",
        iscsi.initiator_name or "",
        nfs.server,
        nfs.path,
        csi.driver,
        csi.volume_handle,
        local.path,
        local.fs_type or "",
        host.path,
        host.type or "",
        spec.persistent_volume_reclaim_policy,
    )


def _claim(item: Volume) -> tuple[str, ...] | None:
    found = item.spec.claim_ref
    return (found.name, found.namespace) if found else None


def _capacity(item: Volume) -> float | None:
    found = (item.spec.capacity or {}).get("storage")
    return None if found is None else amount(str(found))


def _csi(item: Volume) -> tuple[str, ...] | None:
    found = item.spec.csi
    if found is None:
        return None
    attributes = found.volume_attributes or {}
    return (attributes.get("mounter", ""), attributes.get("mapOptions", ""))


VOLUMES: Final = kind(
    Resource("v1", "persistentvolumes", Volume),
    "persistentvolume",
    ("persistentvolume",),
    named,
    (
        info(
            "claim_ref",
            "[STABLE] Information about the Persistent Volume Claim Reference.",
            ("name", "claim_namespace"),
            _claim,
        ),
        annotated(),
        labelled(),
        many(
            "status_phase",
            "[STABLE] The phase indicates if a volume is available, bound to a claim, or released by a "
            "claim.",
            ("phase",),
            lambda item: choice_rows(item.status.phase, _PHASES),
        ),
        info("info", "[STABLE] Information about persistentvolume.", _INFO, _info),
        one("capacity_bytes", "[STABLE] Persistentvolume capacity in bytes.", _capacity),
        created("Unix creation timestamp"),
        deletion(),
        many(
            "csi_attributes",
            "CSI attributes of the Persistent Volume.",
            ("csi_mounter", "csi_map_options"),
            lambda item: [(names, 1.0) for names in (_csi(item),) if names],
            is_opt_in=True,
        ),
        info(
            "volume_mode",
            "Volume Mode information for the PersistentVolume.",
            ("volumemode",),
            lambda item: (item.spec.volume_mode or "",),
        ),
        many(
            "access_mode",
            "Access modes of the PersistentVolume.",
            ("access_mode",),
            lambda item: [((mode,), 1.0) for mode in item.spec.access_modes or ()],
        ),
    ),
)
