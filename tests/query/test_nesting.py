"""A text of 10 KB is refused when it nests too deep, whatever it nests."""

import pytest

from query.parser import parse
from storage.errors import InputError

_DEEP = {
    "parentheses": "(" * 5000 + "1" + ")" * 5000,
    "unary": "-" * 10_000 + "1",
    "additions": "1" + "+1" * 5000,
    "powers": "1" + "^1" * 5000,
    "calls": "abs(" * 2500 + "x" + ")" * 2500,
    "subqueries": "x" + "[1m:]" * 2000,
    "durations": "x[" + "(" * 4000 + "1m" + ")" * 4000 + "]",
}


@pytest.mark.parametrize("text", _DEEP.values(), ids=_DEEP)
def test_a_deeply_nested_query_is_refused_by_name_of_the_limit(text: str) -> None:
    with pytest.raises(InputError, match="nests deeper than 100 levels"):
        parse(text)
