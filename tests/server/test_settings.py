"""Settings come from flags, environment and file, and say what is wrong with them."""

from pathlib import Path

import pytest

from server.settings import load
from storage.errors import ConfigError


def test_flags_win_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "swell.yaml"
    file.write_text("ingest: {flush_rows: 3000, flush_interval_s: 3}\nquery: {timeout_s: 3}\n")
    monkeypatch.setenv("SWELL_INGEST__FLUSH_ROWS", "2000")
    monkeypatch.setenv("SWELL_QUERY__TIMEOUT_S", "2")

    settings = load(["--config", str(file), "--query.timeout-s", "1"], {})

    assert (settings.query.timeout_s, settings.ingest.flush_rows) == (1, 2000)
    assert settings.ingest.flush_interval_s == 3


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--ingest.flush-rows", "many"], "ingest.flush_rows: .*'many'"),
        (["--ingest.flush-rows", "1"], "ingest.flush_rows: .*greater than or equal to 1000"),
        (["--listen", "nowhere"], "listen: .*'nowhere'"),
        (["--storage.url", "postgres://x"], "storage.url: 'postgres://x' is neither"),
        (["--listen", "0.0.0.0:9470"], "listen: '0.0.0.0:9470' is reachable from other machines"),
        (["--config", "/nonexistent.yaml"], "config: cannot read '/nonexistent.yaml'"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_key(argv: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(argv, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ingest: {flush_row: 1}", "ingest.flush_row: Extra inputs"),
        ("- a list", "holds a list, expected settings by key"),
        ("a: b: c", "is not YAML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "swell.yaml"
    file.write_text(text)

    with pytest.raises(ConfigError, match=message):
        load(["--config", str(file)], {})


def test_other_addresses_than_loopback_need_a_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")

    settings = load(["--listen", "0.0.0.0:9470", "--token-file", str(tmp_path / "token")], {})

    assert settings.bearer_token() == "s3cret"
    for address in ("127.0.0.1:1", "localhost:1", "[::1]:1"):
        assert load(["--listen", address], {}).bearer_token() is None
