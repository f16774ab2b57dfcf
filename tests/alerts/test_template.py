"""Templates of labels and annotations: text in, text out."""

from pathlib import Path

import pytest
import yaml

from alerts.gotemplate.lexer import TemplateError
from alerts.template import Surroundings, Vector, compile_template, expand

CASES: list[list[str]] = yaml.safe_load((Path(__file__).parent / "templates.yaml").read_text())
LABELS = {"instance": "web-1:9100", "job": "web"}


def ask(query: str) -> Vector:
    return [({"pod": "b"}, 2.0), ({"pod": "a"}, 1.0)] if query == "up" else []


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_a_template_expands(text: str, expected: str) -> None:
    found = expand(compile_template(text), LABELS, 1234.5, Surroundings(ask, "http://swell"))

    assert found == expected


@pytest.mark.parametrize(
    "text",
    ["{{", "{{ end }}", "{{ if }}x{{ end }}", "{{ $nope }}", "{{ range query `up` }}", "{{ ) }}", '{{ "a }}'],
)
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="line 1"):
        compile_template(text)


@pytest.mark.parametrize("text", ["{{ range 1000000000 }}{{ end }}", '{{ printf "%999999d" 1 }}'])
def test_a_template_cannot_take_the_process_with_it(text: str) -> None:
    found = expand(compile_template(text), LABELS, 1.0, Surroundings(ask))

    assert found.startswith("<error expanding template:")
