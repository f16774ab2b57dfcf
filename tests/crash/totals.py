"""What a crash test counts: what was acknowledged, and what PromQL reads back."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts that add up.

    kills, damages, cuts: what was done; acknowledged, readable: samples, where `readable` are those of the
    acknowledged that are read back unaltered; altered, doubled, invented: samples read back that should not
    be so; lost: samples in what was damaged, which nobody can read and the operator is told of.
    """

    kills: int = 0
    damages: int = 0
    cuts: int = 0
    acknowledged: int = 0
    readable: int = 0
    lost: int = 0
    altered: int = 0
    doubled: int = 0
    invented: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(Totals)))

    @property
    def is_sound(self) -> bool:
        """Whether nothing is missing, and nothing there that should not be."""
        return self.acknowledged == self.readable and not (self.altered or self.doubled or self.invented)

    def __str__(self) -> str:
        missing = self.acknowledged - self.readable
        return (
            f"{self.kills} kills, {self.damages} damages, {self.cuts} cuts: "
            f"{self.acknowledged} samples acknowledged, {self.readable} readable, {missing} missing, "
            f"{self.lost} in damaged bytes, "
            f"{self.altered} altered, {self.doubled} doubled, {self.invented} invented"
        )
