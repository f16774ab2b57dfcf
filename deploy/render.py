"""Writes the base of the kustomization from the Helm chart, so that both install the same.

python deploy/render.py            write deploy/kustomize/base
python deploy/render.py VALUES     print what the chart makes of a JSON of values
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart

HERE = Path(__file__).parent
BASE = HERE / "kustomize" / "base"
NAMESPACE = "swell"


def rendered(values: dict[str, Any] | None = None) -> dict[str, str]:
    """The chart's files by name, one YAML document after another; empty ones are left out."""
    files = Chart.load(HERE / "helm" / "swell").render(values or {}, name="swell", namespace=NAMESPACE)
    return {Path(path).name: text for path, text in sorted(files.items()) if objects(text)}


def objects(text: str) -> list[dict[str, Any]]:
    """The documents of a file that hold something."""
    return [each for each in yaml.safe_load_all(text) if each]


def main() -> None:
    """Write or print."""
    if len(sys.argv) > 1:
        print(
            json.dumps(
                [each for text in rendered(json.loads(sys.argv[1])).values() for each in objects(text)]
            )
        )
        return
    files = rendered()
    for name, text in files.items():
        (BASE / name).write_text(
            f"# Made by deploy/render.py from the Helm chart's defaults.\n{text.strip()}\n"
        )
    (BASE / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "namespace": NAMESPACE,
                "resources": list(files),
            },
            sort_keys=False,
        )
    )


if __name__ == "__main__":
    main()
