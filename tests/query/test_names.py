"""When the names of metrics go: at once by default, when the query is done where that is asked for."""

import numpy as np
import pytest

from query.block import Block
from query.engine import Engine
from query.limits import QueryLimits
from storage.catalogue import Catalogue
from storage.errors import ExecutionError
from storage.memory import MemoryStorage
from storage.model import canonical

_QUERY = 'sum by (__name__) (rate({job="a"}[5m]))'


def engine(delayed_names: bool) -> Engine:
    storage = MemoryStorage()
    series = [canonical({"__name__": name, "job": "a", "n": name}) for name in ("x_total", "y_total")]
    storage.append(
        series, np.array([0, 0, 1, 1]), np.array([0, 60_000] * 2), np.array([0.0, 60.0, 0.0, 120.0])
    )
    return Engine(storage, Catalogue(storage), QueryLimits(delayed_names=delayed_names))


def test_a_name_that_a_function_drops_does_not_group() -> None:
    value = engine(delayed_names=False).instant(_QUERY, 60_000).value

    assert isinstance(value, Block) and value.labels.rows() == [{}]


def test_a_delayed_name_keeps_groups_apart_until_they_are_equal() -> None:
    with pytest.raises(ExecutionError, match="same labelset"):
        engine(delayed_names=True).instant(_QUERY, 60_000)
