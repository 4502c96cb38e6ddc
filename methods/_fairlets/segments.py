"""Sums and ranks within segments of sorted or unsorted arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["rank_within", "running_total", "starts_of"]


def starts_of(segments: NDArray[np.int64]) -> NDArray[np.bool_]:
    """True where a run of equal values begins."""
    return np.r_[True, segments[1:] != segments[:-1]] if len(segments) else np.zeros(0, dtype=bool)


def rank_within(segments: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of every entry among those of its segment, from 0, in the order given."""
    order = np.argsort(segments, kind="stable")
    firsts = np.flatnonzero(starts_of(segments[order]))
    ranks = np.empty(len(segments), dtype=np.int64)
    ranks[order] = np.arange(len(segments)) - np.repeat(firsts, np.diff(np.r_[firsts, len(segments)]))
    return ranks


def running_total(values: NDArray[np.int64], segments: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum of the entries before each one in its segment; segments are sorted."""
    before = np.cumsum(values) - values
    firsts = np.flatnonzero(starts_of(segments))
    return before - np.repeat(before[firsts], np.diff(np.r_[firsts, len(segments)]))
