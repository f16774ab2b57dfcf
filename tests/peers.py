"""Programs from Debian's packages that tests run beside Swell, each on free loopback ports."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_CONFIG = """<yandex>
  <logger><level>warning</level><log>{root}/server.log</log><errorlog>{root}/error.log</errorlog></logger>
  <listen_host>127.0.0.1</listen_host>
  <tcp_port>{tcp_port}</tcp_port>
  <http_port>{http_port}</http_port>
  <path>{root}/data/</path>
  <tmp_path>{root}/tmp/</tmp_path>
  <user_files_path>{root}/files/</user_files_path>
  <format_schema_path>{root}/schemas/</format_schema_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <timezone>UTC</timezone>
  <mark_cache_size>16777216</mark_cache_size>
  <max_connections>256</max_connections>
</yandex>
"""
_USERS = """<yandex>
  <profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
  <users><default>
    <password>{password}</password>
    <networks><ip>127.0.0.1</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
  </default></users>
  <quotas><default/></quotas>
</yandex>
"""


def free_port() -> int:
    """A TCP port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Poll `condition` until it holds; fails the test after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s"
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class ClickHouseServer:
    """A clickhouse-server in a directory of its own. It can be taken away and brought back."""

    password = "p@ss:word/ü"

    def __init__(self, root: Path, program: str) -> None:
        self.root = root
        self.port = free_port()
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        root.mkdir(parents=True, exist_ok=True)
        config = _CONFIG.format(root=root, tcp_port=self.port, http_port=free_port())
        (root / "config.xml").write_text(config)
        (root / "users.xml").write_text(_USERS.format(password=self.password))

    @staticmethod
    def program() -> str | None:
        """Path of the program, None where it is not installed."""
        return shutil.which("clickhouse-server") or shutil.which("clickhouse-server", path="/usr/sbin")

    def url(self, database: str) -> str:
        """A URL for `storage.server.open_server`."""
        return f"clickhouse://default:p%40ss%3Aword%2F%C3%BC@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start on the same directory and ports; returns once it accepts connections."""
        log = (self.root / "output.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [self._program, f"--config-file={self.root}/config.xml"],
                cwd=self.root,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: self._is_dead() or listens(self.port), "clickhouse-server listens")
        assert not self._is_dead(), (self.root / "output.log").read_text()[-2000:]

    def stop(self) -> None:
        """Take it away, as a crash would; the directory stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _is_dead(self) -> bool:
        return self._process is None or self._process.poll() is not None
