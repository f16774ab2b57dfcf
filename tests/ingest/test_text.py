"""Numbers and labels of text protocols."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.decoded import parse_labels
from ingest.text import kernels
from ingest.wire.encoding import encode_labels

_PLAIN = st.from_regex(
    r"[+-]?([0-9]{1,21}(\.[0-9]{0,21})?|\.[0-9]{1,21})([eE][+-]?[0-9]{1,3})?", fullmatch=True
)


def _bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def _float(text: bytes) -> tuple[int, int]:
    status, bits = kernels.parse_float(np.frombuffer(b"<" + text + b"9", np.uint8), 1, 1 + len(text))
    return status, int(bits)


@given(st.one_of(_PLAIN, st.floats(allow_nan=False, allow_infinity=False).map(repr)))
@example("9007199254740993")
@example("9007199254740992.5e-1")
@example("1.7976931348623157e308")
@example("2.2250738585072014e-308")
@example("8.5e22")
@example("-0")
@example("0e999")
def test_a_number_has_the_bits_that_python_reads(text: str) -> None:
    status, bits = _float(text.encode())

    assert status in (kernels.OK, kernels.UNSURE)
    if status == kernels.OK:
        assert bits == _bits(float(text))


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_every_normal_double_that_python_writes_is_read_without_python(value: float) -> None:
    assert _float(repr(value).encode()) == (kernels.OK, _bits(value))


@given(st.binary(max_size=12))
@example(b"")
@example(b"+")
@example(b".")
@example(b"1e")
@example(b"1_0")
@example(b"1.2.3")
def test_what_the_kernel_takes_is_a_number_to_python_too(text: bytes) -> None:
    status, bits = _float(text)

    if status == kernels.OK:
        assert bits == _bits(float(text))
    try:
        float(text)
    except ValueError:
        assert status != kernels.OK


@pytest.mark.parametrize("text", [b"nan", b"Inf", b"-inf", b"+Infinity", b"1" * 20, b"4.9e-324"])
def test_what_the_kernel_is_not_sure_of_is_left_to_python(text: bytes) -> None:
    assert _float(text)[0] == kernels.UNSURE


@given(st.integers(-(2**66), 2**66))
def test_an_integer_is_read_where_it_fits(number: int) -> None:
    text = str(number).encode()
    status, found = kernels.parse_int(np.frombuffer(text + b"1", np.uint8), 0, len(text))

    assert (status == kernels.OK) == (-(2**63) < number < 2**63)
    assert status != kernels.OK or found == number


@given(st.binary(max_size=6))
def test_what_is_read_as_an_integer_is_one_to_python(text: bytes) -> None:
    status, found = kernels.parse_int(np.frombuffer(text + b"1", np.uint8), 0, len(text))

    if status == kernels.OK:
        assert int(text) == found


@given(st.binary(min_size=1, max_size=300).map(lambda raw: raw.hex()), st.text(max_size=300))
def test_a_label_is_written_as_the_series_table_reads_it(name: str, value: str) -> None:
    names, values = (np.frombuffer(text.encode() + b"!", np.uint8) for text in (name, value))
    size = kernels.label_bytes(len(names) - 1, len(values) - 1)
    out = np.zeros(size, np.uint8)

    end = kernels.put_label(out, 0, names, 0, len(names) - 1, values, 0, len(values) - 1)

    assert end == size
    assert out.tobytes() == encode_labels([(name, value)])
    assert parse_labels(out.tobytes()) == [(name, value)]
