"""Auto-encoders that clustering starts from: the two recipes of the auto-encoder baseline, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import optim

from .autoencoder import train_autoencoder
from .hardware import Hardware, seeded_weights
from .networks import AutoEncoder, build_autoencoder, plain_autoencoder
from .parameters import check_choice
from .training import ResidentData

__all__ = ["Recipe", "pretrain"]

T = TypeVar("T")

# Batch size and learning rate.
DEFAULTS = {"matched": (512, 5e-4), "original": (256, 1.0)}
ORIGINAL_DIM = 10
# The original recipe's learning rate was set for MNIST's pixels.
ORIGINAL_ENTRIES = 784


@dataclass(frozen=True)
class Recipe:
    """Network and optimiser of a pretraining.

    Parameters
    ----------
    backbone : {"matched", "original"}
        FCMI's network and Adam, or the fully connected D-500-500-2000-d network and SGD with momentum 0.9.
    embedding_dim, batch_size : int
        Size of the embedding, and samples a step.
    learning_rate : float
        Step size.
    """

    backbone: str
    embedding_dim: int
    batch_size: int
    learning_rate: float

    @classmethod
    def choose(
        cls,
        backbone: str,
        *,
        entries: int,
        n_clusters: int,
        embedding_dim: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
    ) -> Self:
        """The recipe of a name, with what is None filled in.

        Parameters
        ----------
        backbone : {"matched", "original"}
            Name.
        entries : int
            Values of one sample: they scale the original recipe's learning rate.
        n_clusters : int
            Size of the matched recipe's embedding.
        embedding_dim, batch_size, learning_rate : optional
            As of :class:`Recipe`, instead of the recipe's own.

        Raises
        ------
        InvalidInputError
            For an unknown name.
        """
        check_choice("backbone", backbone, DEFAULTS)
        original = backbone == "original"
        usual_batch, usual_rate = DEFAULTS[backbone]
        if original:
            usual_rate *= entries / ORIGINAL_ENTRIES
        return cls(
            backbone,
            _first(embedding_dim, ORIGINAL_DIM if original else n_clusters),
            _first(batch_size, usual_batch),
            _first(learning_rate, usual_rate),
        )

    def network(self, samples: NDArray[np.float32], seed: int) -> AutoEncoder:
        """Network for such `samples`, with the initial weights of `seed`."""
        with seeded_weights(seed):
            if self.backbone == "original":
                return plain_autoencoder(samples.shape[1], self.embedding_dim)
            return build_autoencoder(samples.shape[1:], self.embedding_dim)

    def optimiser(self, network: AutoEncoder) -> optim.Optimizer:
        """Optimiser of all parameters of `network`."""
        if self.backbone == "original":
            return optim.SGD(network.parameters(), self.learning_rate, momentum=0.9, fused=True)
        return optim.Adam(network.parameters(), self.learning_rate, fused=True)


def pretrain(
    samples: NDArray[np.float32],
    recipe: Recipe,
    hardware: Hardware,
    *,
    epochs: int,
    seeds: tuple[int, int],
    log: Callable[..., None],
) -> tuple[AutoEncoder, ResidentData]:
    """Train an auto-encoder on the reconstruction of `samples`, whatever their groups.

    Parameters
    ----------
    samples : ndarray of shape (n, d) or (n, channels, side, side), float32
        Samples; images are flattened for the original network.
    recipe : Recipe
        Network and optimiser.
    hardware : Hardware
        Device and precision.
    epochs : int
        Passes over the data.
    seeds : (int, int)
        Of the initial weights and of the order of the samples.
    log : callable
        Told ``(epoch, epochs, loss=..., reconstruction=...)`` after every pass.

    Returns
    -------
    network : AutoEncoder
        Trained, on the device.
    data : ResidentData
        The samples as the network takes them, all of one group.

    Raises
    ------
    UnsupportedInputError
        For images that the matched network does not take.
    """
    weights, order = seeds
    if recipe.backbone == "original":
        samples = samples.reshape(len(samples), -1)
    network = recipe.network(samples, weights).to(hardware.device)
    data = ResidentData.ungrouped(samples, hardware)
    train_autoencoder(
        network,
        data,
        recipe.optimiser(network),
        epochs=epochs,
        batch_size=recipe.batch_size,
        rng=np.random.default_rng(order),
        log=log,
    )
    return network, data


def _first(given: T | None, default: T) -> T:
    return default if given is None else given
