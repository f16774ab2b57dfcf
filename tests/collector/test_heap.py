import subprocess
import sys

import pytest

_PROGRAM = """
from collector.heap import give_back
print(give_back())
"""


def test_the_c_library_is_told_to_give_memory_back() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("mallopt is glibc's")
    found = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)

    assert found.stdout == "True\n"
