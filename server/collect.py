"""Runs a collector. Loads neither a store nor a compiler, so that it is small."""

from __future__ import annotations

import logging

from collector.collect import collect
from collector.once import once as collected_once
from collector.settings import CollectorSettings
from server.collecting import of_cluster, of_node
from server.settings import Settings

_LOG = logging.getLogger("swell")


def collect_node(settings: Settings, once: bool) -> None:
    """Run the node collector, or print what it would send."""
    _collect(of_node(settings), once)


def collect_cluster(settings: Settings, once: bool) -> None:
    """Run the cluster collector, or print what it would send."""
    _collect(of_cluster(settings), once)


def _collect(settings: CollectorSettings, once: bool) -> None:
    if once:
        print(collected_once(settings), end="")
        return
    for destination in settings.pushing.destinations:
        _LOG.info("pushing to %s as %r", destination.write_url, settings.instance)
    collect(settings)
