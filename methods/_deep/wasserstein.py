"""Critic of a Wasserstein GAN with gradient penalty, in ClusterGAN's sign: its scores are low on real samples.

Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, doi:10.48550/arXiv.1704.00028; equation numbers
are the paper's. Its critic is minus the one here, which leaves the penalty as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["critic_gap", "gradient_penalty", "interpolate"]


def critic_gap(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """First two terms of Eq. 3, E D(x) - E D(G(z)): the critic minimises them.

    Parameters
    ----------
    real_scores, fake_scores : Tensor of shape (B, 1)
        Scores D of real and of generated samples.

    Returns
    -------
    Tensor, scalar
        Any sign; minus the estimate of the Wasserstein distance, so the lower, the better the critic tells them apart.
    """
    return real_scores.mean() - fake_scores.mean()


def interpolate(real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Points x̂ = ε x + (1 - ε) G(z) of the paper's Algorithm 1.

    Parameters
    ----------
    real, fake : Tensor of shape (B, ...)
        Pairs of samples.
    mix : Tensor of shape (B,)
        ε of every pair, in [0, 1].

    Returns
    -------
    Tensor of shape (B, ...)
    """
    return torch.lerp(fake, real, mix.view(-1, *[1] * (real.ndim - 1)))


def gradient_penalty(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Last term of Eq. 3 without its weight, E (‖∇D(x̂)‖ - 1)².

    Parameters
    ----------
    critic : callable
        (B, ...) to scores (B, 1), each of its own sample alone: no batch normalisation.
    points : Tensor of shape (B, ...)
        x̂, constants.

    Returns
    -------
    Tensor, scalar
        At least 0; 0 where the critic's slope is 1 at all points. It can be differentiated by the critic's parameters,
        also where the slope is 0.
    """
    points = points.detach().requires_grad_()
    scores = critic(points).float().sum()
    (slope,) = torch.autograd.grad(scores, points, create_graph=True)
    # A vector_norm of 0 has gradient 0, where the root of a sum of squares has none.
    norm: Tensor = torch.linalg.vector_norm(slope.flatten(1), dim=1)
    return (norm - 1).square().mean()
