"""Numbered footnotes: equal texts share a number."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Footnotes"]


class Footnotes:
    """Hands out numbers from 1, in the order in which texts are first seen."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, texts: Iterable[str]) -> tuple[int, ...]:
        """Numbers of `texts`, ascending; empty texts have none."""
        # Records and metadata may hold line breaks, which would tear a table row apart.
        lines = [" ".join(text.split()) for text in texts]
        return tuple(sorted({self._numbers.setdefault(line, len(self._numbers) + 1) for line in lines if line}))

    @property
    def texts(self) -> tuple[str, ...]:
        """The footnotes in the order of their numbers."""
        return tuple(self._numbers)
