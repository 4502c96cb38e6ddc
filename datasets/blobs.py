"""Synthetic clusters with shifted groups, of any size: for tests and benchmarks."""

from __future__ import annotations

import numpy as np

from bench.adapters import Dataset, FairData
from bench.data.store import Store
from bench.errors import InvalidInputError
from bench.metadata import DatasetInfo


class Blobs(Dataset):
    """Gaussian classes whose centres are moved by a vector of each group's own.

    Parameters
    ----------
    n : int
        Samples.
    k : int
        Classes.
    n_groups : int
        Groups T, of equal expected size and independent of the class.
    d : int
        Features.
    shift : float
        Length of the groups' shift, in units of the classes' standard deviation; 0 makes groups alike.
    separation : float
        Standard deviation of the class centres, in the same units.
    seed : int
        Seed of the draw; part of the data set, not of a run.
    """

    info = DatasetInfo(
        name="blobs",
        title="Blobs",
        target="blob",
        sensitive="shift",
        kind="vector",
        synthetic=True,
    )

    def __init__(
        self,
        n: int = 600,
        k: int = 3,
        n_groups: int = 2,
        d: int = 8,
        shift: float = 2.0,
        separation: float = 4.0,
        seed: int = 0,
    ) -> None:
        self.n = n
        self.k = k
        self.n_groups = n_groups
        self.d = d
        self.shift = shift
        self.separation = separation
        self.seed = seed

    def load(self, store: Store) -> FairData:
        """Draw the samples, scaled into [-1, 1]."""
        for name in ("n", "k", "n_groups", "d"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise InvalidInputError(f"blobs.{name}={value!r} given; it takes a whole number of at least 1")
        if self.n < self.k * self.n_groups:
            raise InvalidInputError(
                f"blobs.n={self.n} samples cannot show {self.k} classes in {self.n_groups} groups; "
                f"give at least {self.k * self.n_groups}"
            )
        rng = np.random.default_rng(self.seed)
        # Every class meets every group at least once, so that n, k and T are what was asked for.
        cell = np.concatenate([np.arange(self.k * self.n_groups), rng.integers(self.k * self.n_groups, size=self.n)])[
            : self.n
        ]
        classes, groups = cell % self.k, cell // self.k
        centres = rng.normal(scale=self.separation, size=(self.k, self.d))
        shifts = rng.normal(size=(self.n_groups, self.d))
        shifts *= self.shift / np.maximum(np.linalg.norm(shifts, axis=1, keepdims=True), 1e-12)
        X = centres[classes] + shifts[groups] + rng.normal(size=(self.n, self.d))
        return FairData.from_arrays((X / np.abs(X).max()).astype(np.float32), classes, groups)
