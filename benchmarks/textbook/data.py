"""Samples one at a time, as a Dataset hands them to a DataLoader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

__all__ = ["Samples", "endless", "loader"]


class Samples(Dataset[tuple[Tensor, int, int]]):
    """Sample, group and position."""

    def __init__(self, samples: NDArray[np.float32], groups: NDArray[np.int64]) -> None:
        self.samples = samples
        self.groups = groups

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int, int]:
        return torch.from_numpy(self.samples[index]), int(self.groups[index]), index


def loader(
    samples: NDArray[np.float32], groups: NDArray[np.int64], batch_size: int, *, train: bool
) -> DataLoader[tuple[Tensor, int, int]]:
    """Shuffled whole batches to train on, or everything in order."""
    size = min(batch_size, len(samples))
    return DataLoader(Samples(samples, groups), batch_size=size, shuffle=train, drop_last=train)


def endless(batches: DataLoader[Any]) -> Iterator[Any]:
    """The batches of one epoch after the other."""
    while True:
        yield from batches
