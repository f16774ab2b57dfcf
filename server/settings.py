"""Every setting of Swell: its key, its default, its bounds and what it is for.

Sources, strongest first: flags (`--ingest.flush-rows 50000`), environment (`SWELL_INGEST__FLUSH_ROWS`), the
YAML file named by `--config` or `SWELL_CONFIG`, the defaults below.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, CliSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from server.collect_settings import CollectSettings
from server.ingest_settings import STRICT, IngestSettings
from storage.errors import ConfigError

_MIB = 1 << 20


class StorageSettings(BaseModel):
    """Where samples live."""

    model_config = STRICT

    url: str = Field(
        "embedded",
        description="'embedded' for chDB in this process, or clickhouse://user:password@host:port/database.",
    )
    retention_days: int = Field(
        90, ge=1, le=36_500, description="Days (UTC) after which whole daily partitions are dropped."
    )

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        if url != "embedded" and not url.startswith("clickhouse://"):
            raise ValueError(f"{url!r} is neither 'embedded' nor a clickhouse:// URL")
        return url


class QuerySettings(BaseModel):
    """The read path and what a query may cost."""

    model_config = STRICT

    lookback_s: float = Field(300, gt=0, description="How far an instant selector looks back for a sample.")
    timeout_s: float = Field(120, gt=0, description="Longest time a query may take.")
    max_samples: int = Field(50_000_000, ge=1, description="Samples one query may read.")
    max_series: int = Field(500_000, ge=1, description="Series one query may select.")
    max_steps: int = Field(1_000_000, ge=1, description="Steps of one query or of one of its subqueries.")
    max_bytes: int = Field(2 << 30, ge=_MIB, description="Memory one query may hold, by estimate.")
    max_length: int = Field(100_000, ge=1, description="Characters of one query.")
    max_depth: int = Field(
        100, ge=1, le=100, description="Levels of one query: parentheses, calls and operators in one another."
    )
    delayed_name_removal: bool = Field(
        False,
        description="Keep metric names until a query is done, like Prometheus's promql-delayed-name-removal.",
    )
    workers: int = Field(4, ge=1, le=64, description="Queries that run at once; others wait.")


class AlertSettings(BaseModel):
    """Rules and where their alerts go."""

    model_config = STRICT

    rule_files: list[str] = Field(
        default_factory=list, description="Prometheus rule files; glob patterns are allowed."
    )
    receivers_file: Path | None = Field(
        None, description="YAML list of receivers: name, type (webhook or slack), url."
    )
    evaluation_interval_s: float = Field(
        30, gt=0, description="Interval of rule groups that do not set their own."
    )
    external_url: str = Field("", description="How people reach this server; used in the links of messages.")


Listen = Annotated[str, Field(pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}$")]


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="SWELL_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_prog_name="swell",
    )

    config: Path | None = Field(None, description="YAML file with any of these settings.")
    listen: Listen = Field("127.0.0.1:9470", description="host:port of the HTTP server.")
    data_dir: Path = Field(Path("data"), description="Directory of the store, the log and the spool.")
    token: SecretStr | None = Field(
        None, description="Bearer token that every request must carry; `swell token` makes one."
    )
    token_file: Path | None = Field(None, description="File that holds the token.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")
    storage: StorageSettings = StorageSettings()
    ingest: IngestSettings = IngestSettings()
    query: QuerySettings = QuerySettings()
    alerts: AlertSettings = AlertSettings()
    collect: CollectSettings = CollectSettings()

    @property
    def host(self) -> str:
        """The address to listen on, without brackets."""
        return self.listen.rsplit(":", 1)[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on; 0 lets the system choose."""
        return int(self.listen.rsplit(":", 1)[1])

    def bearer_token(self) -> str | None:
        """The token that requests must carry, None when none is configured."""
        if self.token is not None:
            return self.token.get_secret_value()
        if self.token_file is None:
            return None
        try:
            return self.token_file.read_text().strip()
        except OSError as error:
            raise ConfigError(f"token_file: cannot read {str(self.token_file)!r}: {error.strerror}") from None

    @model_validator(mode="after")
    def _only_loopback_without_a_token(self) -> Settings:
        if not self.token and not self.token_file and not is_loopback(self.host):
            raise ValueError(
                f"listen: {self.listen!r} is reachable from other machines, which needs a token; "
                "set token or token_file (`swell token` makes one) or listen on 127.0.0.1"
            )
        return self


def load(argv: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the settings of one process from flags, environment and file.

    Raises `ConfigError` that names the key, the value and what was expected.
    """
    path = _config_path(argv, environment)
    content = {} if path is None else _read_yaml(path)

    class Sourced(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            flags = CliSettingsSource[Any](settings_cls, cli_parse_args=list(argv), cli_exit_on_error=True)
            return flags, env_settings, _FileSource(settings_cls, content)

    try:
        return Sourced()
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(item) for item in error.errors())) from None


class _FileSource(PydanticBaseSettingsSource):
    """The parsed YAML file as a source of settings."""

    def __init__(self, settings_cls: type[BaseSettings], content: dict[str, Any]) -> None:
        super().__init__(settings_cls)
        self._content = content

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self._content.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._content


def is_loopback(host: str) -> bool:
    """Whether a host name or address reaches this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _config_path(argv: Sequence[str], environment: Mapping[str, str]) -> Path | None:
    for i, word in enumerate(argv):
        if word == "--config" and i + 1 < len(argv):
            return Path(argv[i + 1])
        if word.startswith("--config="):
            return Path(word.removeprefix("--config="))
    named = environment.get("SWELL_CONFIG")
    return Path(named) if named else None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except OSError as error:
        raise ConfigError(f"config: cannot read {str(path)!r}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"config: {str(path)!r} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"config: {str(path)!r} holds a {type(content).__name__}, expected settings by key")
    return content


def _explain(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    message = item["msg"].removeprefix("Value error, ")
    if not key:
        return str(message)
    return f"{key}: {message} (got {item['input']!r})"
