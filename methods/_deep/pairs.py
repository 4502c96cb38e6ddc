"""Pairs of samples that a network is sure about, and the loss on them: the moving thresholds of DAC.

Chang et al., "Deep Adaptive Image Clustering", ICCV 2017. The constants are those of the published TensorFlow code;
the authors' own code has them for another loss. Pure functions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

__all__ = ["MovingThresholds", "Pairs", "pair_loss", "select_pairs", "similarity"]

# u(λ) = upper - λ and l(λ) = lower + 0.1 λ.
LOWER_SLOPE = 0.1
# Descent on the gap u(λ) - l(λ), whose derivative is -1.1, moves λ by 1.1 η.
GAP_SLOPE = 1 + LOWER_SLOPE
# Logarithms are taken of values of at least this.
SMALLEST = 1e-10
# Thresholds this close select nothing that one threshold would not.
MET = 1e-9


@dataclass(frozen=True)
class MovingThresholds:
    """Thresholds u(λ) and l(λ) that approach each other, one step an epoch, until they meet.

    Parameters
    ----------
    upper : float
        u(0), in (`lower`, 1]: pairs more similar than u count as same.
    lower : float
        l(0), at least 0: pairs less similar than l count as different.
    eta : float
        Step size η of λ, above 0: with the usual thresholds λ ends at 0.45, after 0.45 / (1.1 η) epochs.
    """

    upper: float
    lower: float
    eta: float

    @property
    def epochs(self) -> int:
        """Epochs that begin with u(λ) > l(λ); at least 1."""
        end = (self.upper - self.lower) / GAP_SLOPE
        return max(1, math.ceil(end / (GAP_SLOPE * self.eta) - MET))

    def at(self, epoch: int) -> tuple[float, float]:
        """Upper and lower threshold (u, l) during `epoch`, counted from 0."""
        progress = epoch * GAP_SLOPE * self.eta
        return self.upper - progress, self.lower + LOWER_SLOPE * progress


@dataclass(frozen=True)
class Pairs:
    """The pairs that were selected; a pair may be in neither mask.

    Parameters
    ----------
    same, different : Tensor of shape (B, B), bool
        Pairs taken as of one cluster and as of two, disjoint and symmetric. A sample paired with itself counts.
    """

    same: Tensor
    different: Tensor


def similarity(features: Tensor) -> Tensor:
    """Cosine similarity s_ij = l_i · l_j of label features.

    Parameters
    ----------
    features : Tensor of shape (B, K)
        Label features: non-negative rows of length 1.

    Returns
    -------
    Tensor of shape (B, B)
        In [0, 1] up to rounding; 1 for two samples in the same cluster for sure.
    """
    return features @ features.T


def select_pairs(similarities: Tensor, upper: float, lower: float) -> Pairs:
    """Same if s_ij > `upper`, different if s_ij < `lower`, otherwise left out.

    Parameters
    ----------
    similarities : Tensor of shape (B, B)
        s_ij. The selection is a constant for the optimiser.
    upper, lower : float
        Thresholds u(λ) and l(λ).

    Returns
    -------
    Pairs
    """
    return Pairs(similarities > upper, similarities < lower)


def pair_loss(similarities: Tensor, pairs: Pairs) -> Tensor:
    """Binary cross-entropy -r ln s - (1 - r) ln(1 - s), with r = 1 for same and r = 0 for different pairs.

    Parameters
    ----------
    similarities : Tensor of shape (B, B)
        s_ij; it and its complement are clipped to [1e-10, 1], outside of which the gradient is 0.
    pairs : Pairs
        The selected pairs.

    Returns
    -------
    Tensor, scalar
        At least 0. Sum over the selected pairs, divided by all B² pairs.
    """
    attraction = -similarities.clamp(SMALLEST, 1).log()
    repulsion = -(1 - similarities).clamp(SMALLEST, 1).log()
    return (pairs.same * attraction + pairs.different * repulsion).mean()
