"""Data that stay on the device, batches by index, and one pass of an optimiser over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .hardware import Hardware

__all__ = ["Batch", "ResidentData", "train_pass"]

# Small enough for the activations of a convolution to stay in the processor's cache.
EMBED_CHUNK = 256


@dataclass(frozen=True)
class Batch:
    """Samples of one step, sorted by group, so that a group is a slice.

    Parameters
    ----------
    index : Tensor of shape (B,), int64
        Positions of the samples, on the device.
    sizes : list of int
        Number of samples of every group; sums to B.
    """

    index: Tensor
    sizes: list[int]


class ResidentData:
    """Samples and groups, moved to the device once.

    Parameters
    ----------
    samples : ndarray of shape (n, d) or (n, channels, side, side), float32
        Samples; not copied on the CPU, and never written to.
    groups : ndarray of shape (n,), int64
        Group ids.
    n_groups : int
        Number of groups T.
    hardware : Hardware
        Device and precision.

    Attributes
    ----------
    samples : Tensor
        The samples, images in channels-last memory.
    membership : Tensor of shape (n, T)
        1 where the sample belongs to the group, else 0.
    """

    def __init__(
        self, samples: NDArray[np.float32], groups: NDArray[np.int64], n_groups: int, hardware: Hardware
    ) -> None:
        self.groups = groups
        self.n_groups = n_groups
        self.hardware = hardware
        # torch warns about memory that it may not write to.
        tensor = torch.from_numpy(np.require(samples, requirements=["C", "W"])).to(hardware.device)
        self.samples = tensor.to(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
        self.membership = torch.from_numpy(np.eye(n_groups, dtype=np.float32)[groups]).to(hardware.device)

    @classmethod
    def ungrouped(cls, samples: NDArray[np.float32], hardware: Hardware) -> Self:
        """`samples` as one group, for training that is not to depend on groups, not even by the order of a batch."""
        return cls(samples, np.zeros(len(samples), dtype=np.int64), 1, hardware)

    def batches(self, batch_size: int, rng: np.random.Generator) -> list[Batch]:
        """Shuffled batches of one epoch.

        Parameters
        ----------
        batch_size : int
            Samples a batch. The last, partial batch is dropped; fewer samples than this make one batch of all.
        rng : numpy Generator
            Decides the order.
        """
        n = len(self.groups)
        size = min(batch_size, n)
        steps = n // size
        index = rng.permutation(n)[: steps * size].reshape(steps, size)
        index = np.take_along_axis(index, np.argsort(self.groups[index], axis=1, kind="stable"), axis=1)
        # One bin for every (step, group), so that all batches are counted at once.
        bins = self.groups[index] + np.arange(steps)[:, None] * self.n_groups
        sizes = np.bincount(bins.ravel(), minlength=steps * self.n_groups).reshape(steps, self.n_groups)
        return [
            Batch(*pair) for pair in zip(torch.from_numpy(index).to(self.hardware.device), sizes.tolist(), strict=True)
        ]

    def embed(self, encoder: nn.Module) -> Tensor:
        """Embeddings (n, d), float32, of all samples in their order; leaves `encoder` in evaluation mode."""
        encoder.eval()
        with torch.no_grad(), self.hardware.autocast():
            return torch.cat([encoder(chunk).float() for chunk in torch.split(self.samples, EMBED_CHUNK)])


def train_pass(
    batches: Iterable[Batch], optimiser: torch.optim.Optimizer, terms_of: Callable[[Batch], dict[str, Tensor]]
) -> dict[str, float]:
    """Take one optimiser step a batch.

    Parameters
    ----------
    batches : iterable of Batch
        The batches of one epoch.
    optimiser : Optimizer
        Holds the parameters.
    terms_of : callable
        Maps a batch to named scalars; ``"loss"`` is minimised, the others are watched.

    Returns
    -------
    dict
        Mean of every term over the batches.
    """
    names: list[str] = []
    rows: list[Tensor] = []
    for batch in batches:
        terms = terms_of(batch)
        optimiser.zero_grad()
        torch.autograd.backward(terms["loss"])
        optimiser.step()
        names = list(terms)
        # Reading a value here would make the host wait for the device at every step.
        rows.append(torch.stack([term.detach() for term in terms.values()]))
    return dict(zip(names, torch.stack(rows).mean(0).tolist(), strict=True))
