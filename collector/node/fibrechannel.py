"""Ports of Fibre Channel host adapters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.families import Family, Reading, Row, counter, gauge, grouped
from collector.node.roots import Roots, attributes, listing

_HEXADECIMAL = ("fabric_name", "port_id", "port_name")
_ATTRIBUTES = (
    *_HEXADECIMAL,
    "dev_loss_tmo",
    "port_state",
    "port_type",
    "speed",
    "supported_classes",
    "supported_speeds",
    "symbolic_name",
)
INFO = gauge(
    "node_fibrechannel_info",
    "Non-numeric data from /sys/class/fc_host/<host>, value is always 1.",
    "fc_host",
    *_ATTRIBUTES,
)

# Attribute of the port's statistics -> (name, help).
_COUNTERS = {
    "dumped_frames": ("dumped_frames", "Number of dumped frames"),
    "error_frames": ("error_frames", "Number of errors in frames"),
    "fcp_packet_aborts": ("fcp_packet_aborts", "Number of aborted packets"),
    "invalid_crc_count": ("invalid_crc", "Invalid Cyclic Redundancy Check count"),
    "invalid_tx_word_count": ("invalid_tx_words", "Number of invalid words transmitted by host port"),
    "link_failure_count": ("link_failure", "Number of times the host port link has failed"),
    "loss_of_signal_count": ("loss_of_signal", "Number of times signal has been lost"),
    "loss_of_sync_count": (
        "loss_of_sync",
        "Number of failures on either bit or transmission word boundaries",
    ),
    "nos_count": ("nos", "Number Not_Operational Primitive Sequence received by host port"),
    "rx_frames": ("rx_frames", "Number of frames received"),
    "rx_words": ("rx_words", "Number of words received by host port"),
    "seconds_since_last_reset": (
        "seconds_since_last_reset",
        "Number of seconds since last host port reset",
    ),
    "tx_frames": ("tx_frames", "Number of frames transmitted by host port"),
    "tx_words": ("tx_words", "Number of words transmitted by host port"),
}
COUNTERS: Mapping[str, Family] = {
    attribute: counter(f"node_fibrechannel_{name}_total", text, "fc_host")
    for attribute, (name, text) in _COUNTERS.items()
}

_NOT_COUNTED = (1 << 64) - 1


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where there is no adapter, ValueError."""
    return grouped(_rows(f"{roots.sys}/class/fc_host"))


def _rows(directory: str) -> Iterator[Row]:
    for host in listing(directory):
        texts = attributes(f"{directory}/{host}", _ATTRIBUTES)
        plain = {**texts, **{name: texts.get(name, "").removeprefix("0x") for name in _HEXADECIMAL}}
        yield INFO, (host, *(plain.get(name, "") for name in _ATTRIBUTES)), 1.0
        for name, text in attributes(f"{directory}/{host}/statistics", tuple(COUNTERS)).items():
            value = int(text, 0)
            if value != _NOT_COUNTED:
                yield COUNTERS[name], (host,), float(value)
