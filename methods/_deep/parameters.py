"""Parameter checks of the deep methods: one line that says what was given and what is allowed."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Integral, Real

import numpy as np

from bench.errors import InvalidInputError

__all__ = ["check_at_least", "check_choice", "check_not_negative", "check_positive", "seeds"]


def check_at_least(smallest: int, **values: object) -> None:
    """Refuse every one of `values` that is not a whole number of at least `smallest`.

    Raises
    ------
    InvalidInputError
        Naming the parameter.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < smallest:
            raise InvalidInputError(f"{name}={value!r} given; it takes a whole number of at least {smallest}")


def check_positive(**values: object) -> None:
    """Refuse every one of `values` that is not a finite number above 0.

    Raises
    ------
    InvalidInputError
        Naming the parameter.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < float("inf"):
            raise InvalidInputError(f"{name}={value!r} given; it takes a finite number above 0")


def check_not_negative(**values: object) -> None:
    """Refuse every one of `values` that is not a finite number of at least 0.

    Raises
    ------
    InvalidInputError
        Naming the parameter.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) < float("inf"):
            raise InvalidInputError(f"{name}={value!r} given; it takes a finite number of at least 0")


def check_choice(name: str, value: object, allowed: Collection[str]) -> None:
    """Refuse a `value` that is not among `allowed`.

    Raises
    ------
    InvalidInputError
        Naming the parameter and the choices.
    """
    if value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise InvalidInputError(f"{name}={value!r} given; it takes {choices}")


def seeds(random_state: int | None, count: int) -> list[int]:
    """Independent seeds for the random parts of one fit.

    Parameters
    ----------
    random_state : int or None
        Parameter of the method; None draws fresh entropy from the operating system, not from NumPy's global state.
    count : int
        How many seeds.

    Returns
    -------
    list of int
        Each in [0, 2**32).

    Raises
    ------
    InvalidInputError
        If `random_state` is neither None nor a whole number of at least 0.
    """
    if random_state is not None:
        check_at_least(0, random_state=random_state)
    return [int(seed) for seed in np.random.SeedSequence(random_state).generate_state(count)]
