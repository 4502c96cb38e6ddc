"""Adversarial training in one step: a critic that guesses the group, and a gradient that is reversed on its way back.

Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 17(59), 2016, arXiv 1505.07818; layer sizes of
the critic are those of the official code of Li, Zhao and Liu, "Deep Fair Clustering for Visual Learning", CVPR 2020.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import binary_cross_entropy_with_logits

__all__ = ["GroupCritic", "critic_loss", "reversal_ramp", "reverse_gradient"]

WIDTH = 32
DROPOUT = 0.5
STEEPNESS = 10.0


def reverse_gradient(values: Tensor, coefficient: float) -> Tensor:
    """`values` unchanged; on the way back, gradients are multiplied by -`coefficient`.

    Parameters
    ----------
    values : Tensor
        What the critic is shown.
    coefficient : float
        λ in Eq. 16 of Ganin et al.

    Returns
    -------
    Tensor
        Same shape.
    """
    reversed_: Tensor = _Reversal.apply(values, coefficient)  # type: ignore[no-untyped-call]
    return reversed_


def reversal_ramp(progress: float) -> float:
    """Coefficient λ = 2 / (1 + exp(-10 p)) - 1 of the reversal, p the share of the training that is over.

    Parameters
    ----------
    progress : float
        p in [0, 1]: steps that were made, not calls of the critic, over all steps.

    Returns
    -------
    float
        0 at the start, close to 1 at the end.
    """
    return 2 / (1 + math.exp(-STEEPNESS * progress)) - 1


class GroupCritic(nn.Module):
    """Guesses from its soft assignment whether a sample is of group 0: a K-32-32-1 network with dropout.

    Parameters
    ----------
    n_clusters : int
        K.
    generator : torch.Generator
        Decides what is dropped; on the device of the inputs.
    """

    def __init__(self, n_clusters: int, generator: torch.Generator) -> None:
        super().__init__()
        layers = [nn.Linear(n_clusters, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)]
        for layer in layers:
            nn.init.xavier_normal_(layer.weight)
        self.layers = nn.ModuleList(layers)
        self.generator = generator

    def forward(self, soft: Tensor) -> Tensor:
        """Logit (B,) of group 0 for soft assignments (B, K)."""
        *hidden, last = self.layers
        for layer in hidden:
            soft = self._drop(torch.relu(layer(soft)))
        logit: Tensor = last(soft)
        return logit[:, 0]

    def _drop(self, values: Tensor) -> Tensor:
        # torch's own dropout draws from the global generator.
        if not self.training:
            return values
        kept = torch.rand(values.shape, generator=self.generator, device=values.device) >= DROPOUT
        return values * kept / (1 - DROPOUT)


def critic_loss(logit: Tensor, first: Tensor) -> Tensor:
    """Cross-entropy of the critic's guesses, the loss L_f of DFC.

    Parameters
    ----------
    logit : Tensor of shape (B,)
        Logit of group 0.
    first : Tensor of shape (B,)
        1 where the sample is of group 0, else 0.

    Returns
    -------
    Tensor, scalar
        Mean over the samples, in nats; ln 2 where the critic cannot tell two groups of equal size apart.
    """
    return binary_cross_entropy_with_logits(logit, first)


class _Reversal(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, coefficient: float) -> Tensor:
        ctx.coefficient = coefficient
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.coefficient * gradients[0], None
