"""Counters of the network protocols: /proc/net/netstat, snmp and snmp6."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from collector.families import Family, Reading, unknown
from collector.node.roots import Roots

FIELDS = (
    r"^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)"
    r"|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)"
    r"|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
    r"|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"
)
"""node_exporter's default choice of the some 400 fields, as protocol_field."""


def parse_pairs(text: str) -> Iterator[tuple[str, str]]:
    """/proc/net/netstat or snmp, lines of names then of numbers, to (protocol_field, number)."""
    lines = text.splitlines()
    for names, numbers in zip(lines[::2], lines[1::2], strict=True):
        protocol, *fields = names.split()
        for name, number in zip(fields, numbers.split()[1:], strict=True):
            yield f"{protocol[:-1]}_{name}", number


def parse_snmp6(text: str) -> Iterator[tuple[str, str]]:
    """/proc/net/snmp6, such as 'Ip6InReceives 7', to (protocol_field, number)."""
    for line in text.splitlines():
        name, number = line.split()
        protocol, six, rest = name.partition("6")
        if six:
            yield f"{protocol}6_{rest}", number


@dataclass(frozen=True, slots=True)
class NetStat:
    """Reads the fields that match `fields`; each name is matched once in the life of the process."""

    fields: re.Pattern[str] = field(default_factory=lambda: re.compile(FIELDS))
    families: dict[str, Family | None] = field(default_factory=dict)

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError; a machine without IPv6 has no snmp6."""
        found = [*self._wanted(parse_pairs(roots.net_text("netstat")))]
        found += self._wanted(parse_pairs(roots.net_text("snmp")))
        try:
            text = roots.net_text("snmp6")
        except FileNotFoundError:
            return found
        return [*found, *self._wanted(parse_snmp6(text))]

    def _wanted(self, pairs: Iterator[tuple[str, str]]) -> Iterator[Reading]:
        for name, number in pairs:
            if name not in self.families:
                self.families[name] = self._family(name)
            family = self.families[name]
            if family is not None:
                yield family.one(float(number))

    def _family(self, name: str) -> Family | None:
        if not self.fields.search(name):
            return None
        return unknown(f"node_netstat_{name}", f"Statistic {name.replace('_', '')} of the network stack.")
