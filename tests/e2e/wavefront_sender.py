"""Sends with Wavefront's own Python clients; run by their own interpreter: SENDER URL TOKEN START_S.

These clients need a setuptools of 2024, so they live apart from the tests.
"""

import sys
from urllib.parse import urlparse
from uuid import UUID

from pyformance import MetricsRegistry  # type: ignore[import-not-found]
from wavefront_pyformance import delta, wavefront_histogram  # type: ignore[import-not-found]
from wavefront_pyformance.wavefront_reporter import WavefrontProxyReporter  # type: ignore[import-not-found]
from wavefront_sdk.client import WavefrontClient  # type: ignore[import-not-found]
from wavefront_sdk.client_factory import WavefrontClientFactory  # type: ignore[import-not-found]
from wavefront_sdk.entities.histogram import histogram_granularity  # type: ignore[import-not-found]


def send(client: WavefrontClient, kind: str, start_s: int) -> None:
    """What every way of the SDK sends."""
    for i in range(60):
        client.send_metric(f"{kind}.load avg", i / 8, start_s + i, "web 1", {"zone": 'a "b"', "té?st": "ü"})
    client.send_metric(f"{kind}.now", 7, None, "vm", None)
    for value in (1, 2, 4):
        client.send_delta_counter(f"{kind}.requests", value, "web 1", {"zone": "a"})
    every = {histogram_granularity.MINUTE, histogram_granularity.HOUR, histogram_granularity.DAY}
    client.send_distribution(f"{kind}.latency", [(30, 20), (5.1, 10)], every, start_s, "web 1", {"zone": "a"})
    client.send_event(
        f"{kind} event",
        start_s * 1000,
        start_s * 1000 + 9,
        "web 1",
        ["one", "two"],
        {"severity": "info", "x": "y"},
    )
    client.send_event(
        f"{kind} other event", start_s * 1000, start_s * 1000 + 9, "web 1", [], {"severity": "warn"}
    )
    client.send_span(
        "getAll",
        start_s * 1000,
        300,
        "web 1",
        UUID(int=1),
        UUID(int=2),
        None,
        None,
        [("application", "a"), ("service", "s")],
        None,
    )
    client.flush_now()
    client.close()


def report(host: str, port: int, start_s: int) -> None:
    """The same of pyformance."""
    registry = MetricsRegistry()
    reporter = WavefrontProxyReporter(host, port, "web-2", registry, prefix="py.", tags={"zone": "b"})
    registry.gauge("depth").set_value(12.5)
    registry.counter("jobs").inc(3)
    delta.delta_counter(registry, "done").inc(5)
    histogram = wavefront_histogram.wavefront_histogram(registry, "spread")
    for value in range(1, 101):
        histogram.add(value)
    reporter.report_minute_distribution().report_now(timestamp=start_s)
    reporter.stop()


def main() -> None:
    kind, url, token, start_s = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    place = urlparse(url)
    if kind == "pyformance":
        report(place.hostname or "", place.port or 0, start_s)
    elif kind == "direct":
        send(WavefrontClient(url, token), kind, start_s)
    else:
        factory = WavefrontClientFactory()
        factory.add_client(f"proxy://{place.netloc}")
        send(factory.get_client(), kind, start_s)


if __name__ == "__main__":
    main()
