"""Samples of readings and of text expositions, in one form that compares."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families

from collector.families import Reading

Series = tuple[str, tuple[tuple[str, str], ...]]


def of_readings(readings: Iterable[Reading]) -> dict[Series, float]:
    """Values by (name, sorted labels)."""
    return {
        series(reading.family.name, zip(reading.family.label_names, values, strict=True)): value
        for reading in readings
        for values, value in zip(reading.label_values, reading.values, strict=True)
    }


def of_exposition(text: str) -> dict[Series, float]:
    """Values by (name, sorted labels)."""
    return {
        series(sample.name, sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def types_of_exposition(text: str) -> dict[str, str]:
    """Types by the name that the samples bear."""
    return {
        line.split(" ")[2]: line.split(" ")[3] for line in text.splitlines() if line.startswith("# TYPE ")
    }


def helps_of_exposition(text: str) -> dict[str, str]:
    """Help texts by metric."""
    lines = (line.split(" ", 3) for line in text.splitlines() if line.startswith("# HELP "))
    return {metric: words[0] if words else "" for _, _, metric, *words in lines}


def series(name: str, labels: Iterable[tuple[str, str]]) -> Series:
    return (name, tuple(sorted((key, value) for key, value in labels if value)))
