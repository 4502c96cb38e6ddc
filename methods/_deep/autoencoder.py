"""Train an auto-encoder on its reconstruction alone: the baseline, and the start of the methods built on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .networks import AutoEncoder
from .training import Batch, ResidentData, train_pass

__all__ = ["reconstruction_error", "train_autoencoder"]


def reconstruction_error(reconstruction: Tensor, samples: Tensor, *, squared_norm: bool = False) -> Tensor:
    """Reconstruction loss of Eq. 11 of the FCMI paper, in float32.

    Parameters
    ----------
    reconstruction, samples : Tensor of shape (B, ...)
        X' and X.
    squared_norm : bool
        Whether to take the squared norm of every sample, as printed, or the mean over its entries, as the code does.

    Returns
    -------
    Tensor, scalar
        Mean over the samples.
    """
    squares = (reconstruction.float() - samples).square()
    return squares.flatten(1).sum(1).mean() if squared_norm else squares.mean()


def train_autoencoder(
    network: AutoEncoder,
    data: ResidentData,
    optimiser: torch.optim.Optimizer,
    *,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    log: Callable[..., None],
) -> None:
    """Minimise the mean squared error.

    Parameters
    ----------
    network : AutoEncoder
        On the device of `data`, with as many branches as `data` has groups.
    data : ResidentData
        Samples.
    optimiser : Optimizer
        Holds the network's parameters.
    epochs, batch_size : int
        Passes over the data, and samples a step.
    rng : numpy Generator
        Order of the samples.
    log : callable
        Told ``(epoch, epochs, loss=..., reconstruction=...)`` after every pass.
    """

    def terms_of(batch: Batch) -> dict[str, Tensor]:
        samples = data.samples[batch.index]
        with data.hardware.autocast():
            _, reconstruction = network(samples, batch.sizes)
        error = reconstruction_error(reconstruction, samples)
        return {"loss": error, "reconstruction": error}

    network.train()
    for epoch in range(epochs):
        log(epoch, epochs, **train_pass(data.batches(batch_size, rng), optimiser, terms_of))
