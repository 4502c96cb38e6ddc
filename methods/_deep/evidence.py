"""The evidence lower bound of a variational auto-encoder, and its maximisation.

Kingma and Welling, "Auto-Encoding Variational Bayes", ICLR 2014, arXiv 1312.6114; equation numbers are the paper's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from .training import Batch, ResidentData, train_pass
from .variational import VariationalAutoEncoder

__all__ = ["draw_latent", "latent_divergence", "reconstruction_cost", "train_variational"]

# Smallest noise variance of vectors: their reconstruction may become perfect.
VARIANCE_FLOOR = 1e-6


def draw_latent(mean: Tensor, log_variance: Tensor, generator: torch.Generator) -> Tensor:
    """Reparametrised draw z = μ + σ·ε with ε ~ N(0, I), Eq. 10 of the paper; σ is ``exp(log_variance / 2)``.

    Parameters
    ----------
    mean, log_variance : Tensor of shape (B, d)
        μ and ln σ².
    generator : torch.Generator
        Source of ε, on the device of `mean`.

    Returns
    -------
    Tensor of shape (B, d)
    """
    noise = torch.randn(mean.shape, generator=generator, device=mean.device)
    return mean + torch.exp(log_variance / 2) * noise


def latent_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, I)), the first term of Eq. 10, in nats.

    Parameters
    ----------
    mean, log_variance : Tensor of shape (B, d)
        μ and ln σ².

    Returns
    -------
    Tensor of shape (B,)
        At least 0.
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


def reconstruction_cost(output: Tensor, samples: Tensor) -> Tensor:
    """Negative log-likelihood of the samples given the decoder's output, up to a constant.

    Pixels of images are Bernoulli variables and `output` their logits. Entries of vectors are normal with mean
    `output` and one variance for all, at its maximum likelihood on the batch: a fixed variance would make the cost,
    and with it how much of the latent space is used, depend on the scale of the data.

    Parameters
    ----------
    output : Tensor of shape (B, ...)
        What the decoder returned.
    samples : Tensor of shape (B, ...)
        Samples; pixels outside [0, 1] count as the nearer end.

    Returns
    -------
    Tensor, scalar
        Mean over the samples, in nats.
    """
    if samples.ndim == 4:
        return binary_cross_entropy_with_logits(output, samples.clamp(0, 1), reduction="sum") / len(samples)
    variance = (output - samples).square().mean().clamp_min(VARIANCE_FLOOR)
    return samples.shape[1] / 2 * torch.log(variance)


def train_variational(
    network: VariationalAutoEncoder,
    data: ResidentData,
    optimiser: torch.optim.Optimizer,
    *,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    generator: torch.Generator,
    log: Callable[..., None],
) -> None:
    """Minimise the negative evidence lower bound, one draw a sample.

    Parameters
    ----------
    network : VariationalAutoEncoder
        On the device of `data`.
    data : ResidentData
        Samples.
    optimiser : Optimizer
        Holds the network's parameters.
    epochs, batch_size : int
        Passes over the data, and samples a step.
    rng : numpy Generator
        Order of the samples.
    generator : torch.Generator
        Source of the draws, on the device of `data`.
    log : callable
        Told ``(epoch, loss=..., reconstruction=..., latent=...)`` after every pass.
    """

    def terms_of(batch: Batch) -> dict[str, Tensor]:
        samples = data.samples[batch.index]
        with data.hardware.autocast():
            mean, log_variance = network.encoder.moments(samples)
            output = network.decoder(draw_latent(mean, log_variance, generator))
        reconstruction = reconstruction_cost(output.float(), samples)
        latent = latent_divergence(mean, log_variance).mean()
        return {"loss": reconstruction + latent, "reconstruction": reconstruction, "latent": latent}

    network.train()
    for epoch in range(epochs):
        log(epoch, **train_pass(data.batches(batch_size, rng), optimiser, terms_of))
