"""InfiniBand adapters and their ports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.families import Family, Reading, Row, counter, gauge, grouped
from collector.node.roots import Roots, attributes, listing, listing_if_any

_PORT = ("device", "port")
INFO = gauge(
    "node_infiniband_info",
    "Non-numeric data from /sys/class/infiniband/<device>, value is always 1.",
    "device",
    "board_id",
    "firmware_version",
    "hca_type",
)
STATE = gauge(
    "node_infiniband_state_id",
    "State of the InfiniBand port (0: no change, 1: down, 2: init, 3: armed, 4: active, 5: act defer)",
    *_PORT,
)
PHYSICAL_STATE = gauge(
    "node_infiniband_physical_state_id",
    "Physical state of the InfiniBand port (0: no change, 1: sleep, 2: polling, 3: disable, 4: shift,"
    " 5: link up, 6: link error recover, 7: phytest)",
    *_PORT,
)
RATE = gauge("node_infiniband_rate_bytes_per_second", "Maximum signal transfer rate", *_PORT)

_WORDS = 4.0  # data is counted in words of four octets
_LINKS = "Number of data {} on all links"
_ERRORS = "(including errors)"


def _counter(name: str, text: str, factor: float = 1.0) -> tuple[Family, float]:
    return counter(f"node_infiniband_{name}_total", text, *_PORT), factor


# File of `counters` -> family and factor (kernel, Documentation/ABI/stable/sysfs-class-infiniband).
COUNTERS: Mapping[str, tuple[Family, float]] = {
    "link_downed": _counter(
        "link_downed", "Number of times the link failed to recover from an error state and went down"
    ),
    "link_error_recovery": _counter(
        "link_error_recovery", "Number of times the link successfully recovered from an error state"
    ),
    "multicast_rcv_packets": _counter(
        "multicast_packets_received", f"Number of multicast packets received {_ERRORS}"
    ),
    "multicast_xmit_packets": _counter(
        "multicast_packets_transmitted", f"Number of multicast packets transmitted {_ERRORS}"
    ),
    "port_rcv_constraint_errors": _counter(
        "port_constraint_errors_received",
        "Number of packets received on the switch physical port that are discarded",
    ),
    "port_rcv_data": _counter("port_data_received_bytes", _LINKS.format("octets received"), _WORDS),
    "port_rcv_discards": _counter(
        "port_discards_received",
        "Number of inbound packets discarded by the port because the port is down or congested",
    ),
    "port_rcv_errors": _counter(
        "port_errors_received", "Number of packets containing an error that were received on this port"
    ),
    "port_rcv_packets": _counter(
        "port_packets_received", f"Number of packets received on all VLs by this port {_ERRORS}"
    ),
    "port_xmit_constraint_errors": _counter(
        "port_constraint_errors_transmitted",
        "Number of packets not transmitted from the switch physical port",
    ),
    "port_xmit_data": _counter("port_data_transmitted_bytes", _LINKS.format("octets transmitted"), _WORDS),
    "port_xmit_discards": _counter(
        "port_discards_transmitted",
        "Number of outbound packets discarded by the port because the port is down or congested",
    ),
    "port_xmit_packets": _counter(
        "port_packets_transmitted", f"Number of packets transmitted on all VLs from this port {_ERRORS}"
    ),
    "port_xmit_wait": _counter(
        "port_transmit_wait",
        "Number of ticks during which the port had data to transmit but no data was sent during the entire"
        " tick",
    ),
    "unicast_rcv_packets": _counter(
        "unicast_packets_received", f"Number of unicast packets received {_ERRORS}"
    ),
    "unicast_xmit_packets": _counter(
        "unicast_packets_transmitted", f"Number of unicast packets transmitted {_ERRORS}"
    ),
}
# File of `counters_ext`, which old drivers have.
LEGACY: Mapping[str, tuple[Family, float]] = {
    "port_multicast_rcv_packets": _counter(
        "legacy_multicast_packets_received", "Number of multicast packets received"
    ),
    "port_multicast_xmit_packets": _counter(
        "legacy_multicast_packets_transmitted", "Number of multicast packets transmitted"
    ),
    "port_rcv_data_64": _counter("legacy_data_received_bytes", _LINKS.format("octets received"), _WORDS),
    "port_rcv_packets_64": _counter("legacy_packets_received", _LINKS.format("packets received")),
    "port_unicast_rcv_packets": _counter(
        "legacy_unicast_packets_received", "Number of unicast packets received"
    ),
    "port_unicast_xmit_packets": _counter(
        "legacy_unicast_packets_transmitted", "Number of unicast packets transmitted"
    ),
    "port_xmit_data_64": _counter(
        "legacy_data_transmitted_bytes", _LINKS.format("octets transmitted"), _WORDS
    ),
    # node_exporter's own help says "received" of both.
    "port_xmit_packets_64": _counter("legacy_packets_transmitted", _LINKS.format("packets received")),
}


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where there is no adapter, ValueError."""
    return grouped(_rows(f"{roots.sys}/class/infiniband"))


def _rows(directory: str) -> Iterator[Row]:
    for device in listing(directory):
        path = f"{directory}/{device}"
        texts = attributes(path, ("board_id", "fw_ver", "hca_type"))
        yield INFO, (device, *(texts.get(name, "") for name in ("board_id", "fw_ver", "hca_type"))), 1.0
        for port in listing_if_any(f"{path}/ports"):
            yield from _port(f"{path}/ports/{port}", (device, port))


def _port(path: str, labels: tuple[str, str]) -> Iterator[Row]:
    texts = attributes(path, ("state", "phys_state", "rate"))
    yield STATE, labels, float(texts["state"].partition(":")[0])
    yield PHYSICAL_STATE, labels, float(texts["phys_state"].partition(":")[0])
    yield RATE, labels, rate(texts["rate"])
    for place, families in (("counters", COUNTERS), ("counters_ext", LEGACY)):
        try:
            counts = attributes(f"{path}/{place}", tuple(families))
        except FileNotFoundError:
            continue
        for name, text in counts.items():
            # A port without performance management says so in words.
            if text.isdigit():
                family, factor = families[name]
                yield family, labels, float(text) * factor


def rate(text: str) -> float:
    """Such as '40 Gb/sec (4X QDR)', to bytes a second. Raises ValueError."""
    gigabits, _, rest = text.partition(" Gb/sec")
    if rest and not rest.startswith(" "):
        raise ValueError(f"rate {text!r}, expected gigabits a second such as '40 Gb/sec (4X QDR)'")
    return float(gigabits) * 1e9 / 8
