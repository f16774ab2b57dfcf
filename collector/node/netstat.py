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


@dataclass(frozen=True, slots=True)
class NetStat:
    """Reads the fields that match `fields`.

    Names never change while a kernel runs, so they are matched once: `columns` are the chosen columns by the
    line of names, `families` the chosen fields of snmp6 by their name.
    """

    fields: re.Pattern[str] = field(default_factory=lambda: re.compile(FIELDS))
    columns: dict[str, list[tuple[int, Family]]] = field(default_factory=dict)
    families: dict[str, Family | None] = field(default_factory=dict)

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError; a machine without IPv6 has no snmp6."""
        found = [*self.parse_table(roots.net_text("netstat")), *self.parse_table(roots.net_text("snmp"))]
        try:
            text = roots.net_text("snmp6")
        except FileNotFoundError:
            return found
        return [*found, *self.parse_snmp6(text)]

    def parse_table(self, text: str) -> Iterator[Reading]:
        """/proc/net/netstat or snmp: lines in pairs, the names and the numbers of a protocol."""
        lines = text.splitlines()
        for names, numbers in zip(lines[::2], lines[1::2], strict=True):
            if names not in self.columns:
                self.columns[names] = list(self._chosen(names))
            values = numbers.split()
            for i, family in self.columns[names]:
                yield family.one(float(values[i]))

    def parse_snmp6(self, text: str) -> Iterator[Reading]:
        """/proc/net/snmp6: lines such as 'Ip6InReceives 7'."""
        for line in text.splitlines():
            name, number = line.split()
            if name not in self.families:
                protocol, six, rest = name.partition("6")
                self.families[name] = self._family(protocol + six, rest)
            family = self.families[name]
            if family is not None:
                yield family.one(float(number))

    def _chosen(self, names: str) -> Iterator[tuple[int, Family]]:
        protocol, *fields = names.split()
        for i, name in enumerate(fields, start=1):
            family = self._family(protocol.rstrip(":"), name)
            if family is not None:
                yield i, family

    def _family(self, protocol: str, name: str) -> Family | None:
        if not self.fields.search(f"{protocol}_{name}"):
            return None
        return unknown(f"node_netstat_{protocol}_{name}", f"Statistic {protocol}{name}.")
