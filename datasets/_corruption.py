"""Corrupted colour: background pixels of the other colour, as in the reproducibility report of DFC."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError

from ._images import BACKGROUND, flip_background

__all__ = ["check_corruption", "corrupt_colours"]

_GROUPS: dict[str, tuple[int, ...]] = {"mnist": (0,), "reverse": (1,), "both": (0, 1)}


def corrupt_colours(X: NDArray[np.float32], corruption: float, corrupt: str, seed: int) -> None:
    """Flip a share of the background of originals, of inverted copies, or of both, in place.

    Parameters
    ----------
    X : ndarray of shape (2 n, 1, side, side), float32
        Originals in [-1, 1], then their inverted copies.
    corruption : float
        Share of background pixels that are flipped, in [0, 1).
    corrupt : {"mnist", "reverse", "both"}
        The originals, the inverted copies, or both.
    seed : int
        Seed of the draw.
    """
    if not corruption:
        return
    halves = np.split(X, 2)
    for group in _GROUPS[corrupt]:
        # A stream of its own for each group: "both" flips what "mnist" and "reverse" flip.
        rng = np.random.default_rng([seed, group])
        flip_background(halves[group], (BACKGROUND, -BACKGROUND)[group], corruption, rng)


def check_corruption(dataset: str, corruption: object, corrupt: object, seed: object) -> None:
    """Refuse what :func:`corrupt_colours` does not take.

    Parameters
    ----------
    dataset : str
        Registry name, for the message.
    corruption, corrupt, seed
        What was given.

    Raises
    ------
    InvalidInputError
        With the name of the parameter.
    """
    if isinstance(corruption, bool) or not isinstance(corruption, int | float):
        raise InvalidInputError(f"{dataset}.corruption={corruption!r} given; it takes a number")
    if not 0 <= corruption < 1:
        raise InvalidInputError(f"{dataset}.corruption={corruption} given; it takes a share of at least 0 and below 1")
    if corrupt not in tuple(_GROUPS):
        raise InvalidInputError(f"{dataset}.corrupt={corrupt!r} given; it takes {', '.join(_GROUPS)}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InvalidInputError(f"{dataset}.seed={seed!r} given; it takes a whole number of at least 0")
