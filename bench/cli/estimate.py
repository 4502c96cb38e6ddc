"""How long the runs that are left will take, from those that have ended and from what earlier records say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["Estimate"]


class Estimate:
    """Seconds until all runs have ended.

    A run counts with the seconds of its earlier record; without one with the mean of its method's runs, here or in
    earlier records; without those with the mean of all.

    Parameters
    ----------
    methods : mapping of str to str
        Method by run key, for every run that is to start.
    expected : mapping of str to float
        Seconds by run key, where an earlier record tells.
    n_slots : int
        Runs at a time, at least 1.
    """

    def __init__(self, methods: Mapping[str, str], expected: Mapping[str, float], n_slots: int) -> None:
        self.methods = methods
        self.expected = expected
        self.n_slots = n_slots
        self._waiting = set(methods)
        # Sums instead of lists: a screen asks several times a second, of tens of thousands of runs.
        self._known_seconds = sum(seconds for key, seconds in expected.items() if key in methods)
        self._unknown = Counter(method for key, method in methods.items() if key not in expected)
        self._means: dict[str, _Mean] = defaultdict(_Mean)
        self._overall = _Mean()
        for key, method in methods.items():
            if key in expected:
                self._learn(method, expected[key])

    def begin(self, key: str) -> None:
        """`key` waits no longer: it has started, or never will."""
        if key not in self._waiting:
            return
        self._waiting.remove(key)
        if key in self.expected:
            self._known_seconds -= self.expected[key]
        else:
            self._unknown[self.methods[key]] -= 1

    def end(self, key: str, seconds: float) -> None:
        """`key` has taken so many seconds."""
        self._learn(self.methods[key], seconds)

    def of(self, key: str) -> float | None:
        """Seconds that the run of `key` may take in all; None as long as nothing is known of any run."""
        if key in self.expected:
            return self.expected[key]
        known = self._means.get(self.methods[key], self._overall)
        return known.value if known.n else None

    def left(self, running: Iterable[tuple[float, float | None]]) -> float | None:
        """Seconds until all have ended.

        Parameters
        ----------
        running : iterable of (float, float or None)
            Of each run that goes on the seconds so far, and those left if its epochs or :meth:`of` tell. Before any
            run has ended the others are taken to be like these.

        Returns
        -------
        float or None
            None as long as nothing is known of any run.
        """
        going_on = list(running)
        typical = self._overall
        if not typical.n:
            typical = _mean(elapsed + left for elapsed, left in going_on if left is not None)
        if not typical.n:
            return None
        now = [max(typical.value - elapsed, 0.0) if left is None else left for elapsed, left in going_on]
        later = sum(number * self._means.get(method, typical).value for method, number in self._unknown.items())
        # Slots share the work, but no run is shared by slots.
        return max((sum(now) + later + self._known_seconds) / self.n_slots, *now, 0.0)

    def _learn(self, method: str, seconds: float) -> None:
        self._means[method].add(seconds)
        self._overall.add(seconds)


@dataclass
class _Mean:
    total: float = 0.0
    n: int = 0

    def add(self, value: float) -> None:
        self.total += value
        self.n += 1

    @property
    def value(self) -> float:
        return self.total / self.n


def _mean(values: Iterable[float]) -> _Mean:
    mean = _Mean()
    for value in values:
        mean.add(value)
    return mean
