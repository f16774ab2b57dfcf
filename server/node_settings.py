"""What of a machine its collector reads."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, model_validator

from collector.node.choice import NodeChoice
from collector.node.diskstats import EXCLUDE
from collector.node.filesystem import MOUNT_POINTS_EXCLUDE, TYPES_EXCLUDE
from server.ingest_settings import STRICT
from storage.errors import ConfigError


class NodeChoiceSettings(BaseModel):
    """The defaults are node_exporter's. Patterns are regular expressions that are searched for."""

    model_config = STRICT

    collectors_off: list[str] = Field(
        default_factory=list, description="Names of collectors that do not run."
    )
    textfile_dirs: list[str] = Field(
        default_factory=list,
        description="Directories, or glob patterns of them, whose *.prom files are read.",
    )
    device_exclude: str = Field("", description="Network devices that are left out.")
    disk_exclude: str = Field(EXCLUDE, description="Block devices that are left out.")
    mount_point_exclude: str = Field(MOUNT_POINTS_EXCLUDE, description="Mount points that are left out.")
    filesystem_type_exclude: str = Field(
        TYPES_EXCLUDE, description="Types of file systems that are left out."
    )
    hwmon_chip: str = Field("", description="Chips of hardware monitors that are read.")
    cpu_info: bool = Field(False, description="Whether to tell what the processors are.")
    cpu_flags: str = Field("", description="Flags of the processors to tell; none when empty.")
    cpu_bugs: str = Field("", description="Bugs of the processors to tell; none when empty.")
    bcache_priority_stats: bool = Field(False, description="Whether to walk the buckets of bcache.")
    containers: bool = Field(
        False, description="Whether to read control groups; for machines without Kubernetes."
    )
    container_include: str = Field("", description="Control groups that are read, by their paths.")

    def choice(self) -> NodeChoice:
        """The same as a value. Raises ConfigError."""
        given = self.model_dump()
        given["collectors_off"] = frozenset(self.collectors_off)
        given["textfile_dirs"] = tuple(self.textfile_dirs)
        return NodeChoice(**given)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        try:
            self.choice()
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self
