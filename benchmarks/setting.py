"""What a measurement is told: where to compute, how large, how long."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Setting"]

REPEATS = 5


@dataclass(frozen=True)
class Setting:
    """One call of ``python -m benchmarks``.

    Parameters
    ----------
    device : {"cpu", "cuda"}
        Where networks lie.
    quick : bool
        Whether sizes are tiny, to see that everything runs; seconds mean nothing then.
    """

    device: str = "cpu"
    quick: bool = False

    def size(self, full: int, quick: int) -> int:
        """The size of this call."""
        return quick if self.quick else full

    def repeats(self, expected: float, budget: float) -> int:
        """How often to repeat what is expected to take this many seconds: 5 times, fewer where `budget` says so."""
        if self.quick:
            return 1
        return max(1, min(REPEATS, int(budget / max(expected, 1e-9))))
