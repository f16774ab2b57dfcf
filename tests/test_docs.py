"""The documents say what is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from server.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def documented_settings() -> str:
    """docs/settings.md, as the code has it: `python -m tests.test_docs > docs/settings.md`."""
    lines = [
        "# Settings",
        "",
        "Strongest first: flags (`--ingest.flush-rows 50000`), environment (`SWELL_INGEST__FLUSH_ROWS`), the",
        "YAML file named by `--config` or `SWELL_CONFIG`, the default. A wrong one is refused, by its key.",
        "",
        "| key | default | what |",
        "| --- | --- | --- |",
    ]
    lines += rows(Settings, "")
    return "\n".join(lines) + "\n"


def rows(model: type[BaseModel], prefix: str) -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += rows(inner, f"{prefix}{name}.")
            continue
        default = (
            "the host's name"
            if field.default_factory and name == "instance"
            else field.get_default(call_default_factory=True)
        )
        found.append(f"| `{prefix}{name}` | {escaped(default)} | {field.description} |")
    return found


def escaped(value: object) -> str:
    """A bar would end the cell."""
    return str(value).replace("|", r"\|")


def test_every_setting_is_documented_as_it_is() -> None:
    assert (ROOT / "docs/settings.md").read_text() == documented_settings()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_commands_of_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    usage = subprocess.run(
        [sys.executable, "-m", "server", "help"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    commands = {" ".join(match.split()) for match in re.findall(r"^swell (collect node|\w+)", readme, re.M)}
    targets = set(re.findall(r"`?make (\w+)", readme))

    assert {"up", "ingest", "query", "alerts", "dashboards", "token", "collect node"} <= commands
    assert all(re.search(rf"^  {command}\b", usage, re.M) for command in commands)
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in targets)


def test_the_flags_of_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    known = {"--data-binary"} | {
        "--" + key.replace("_", "-") for key in re.findall(r"^\| `([^`]+)`", documented_settings(), re.M)
    }

    assert set(re.findall(r"--[a-z][a-z.-]+", readme)) - {"--help"} <= known


if __name__ == "__main__":
    print(documented_settings(), end="")
