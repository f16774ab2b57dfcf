"""Where happenings go."""

import pytest

from collector.happenings import base_url
from collector.settings import Destination


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://swell:9470", "http://swell:9470"),
        ("https://swell:9470/", "https://swell:9470"),
        ("https://swell/api/v1/write", "https://swell"),
        ("https://other/receive/api/v1/push", ""),
    ],
)
def test_happenings_go_to_a_swell_alone(url: str, base: str) -> None:
    assert base_url(Destination(url)) == base
