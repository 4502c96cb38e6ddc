"""Soft assignments by Student's t-distribution, and the target distribution that sharpens them.

Xie, Girshick and Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016; equation numbers are the
paper's. Pure functions, in nats.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

__all__ = ["clustering_loss", "log_assignment", "student_assignment", "target_distribution"]


def log_assignment(embedding: Tensor, centres: Tensor, alpha: float = 1.0) -> Tensor:
    """Logarithm of :func:`student_assignment`: finite where the assignment itself would round to 0.

    Parameters
    ----------
    embedding : Tensor of shape (n, d)
        Embeddings h_i.
    centres : Tensor of shape (K, d)
        Centres μ_k. Gradients flow through both.
    alpha : float
        Degrees of freedom α, above 0.

    Returns
    -------
    Tensor of shape (n, K)
        ln q_ik, at most 0.
    """
    # The squares of differences: the expansion with a matrix product cancels digits far from the origin.
    distance = (embedding[:, None] - centres).square().sum(2)
    return log_softmax(-(alpha + 1) / 2 * torch.log1p(distance / alpha), dim=1)


def student_assignment(embedding: Tensor, centres: Tensor, alpha: float = 1.0) -> Tensor:
    """Soft assignment q_ik of Eq. 1, proportional to (1 + ‖h_i - μ_k‖² / α)^(-(α + 1) / 2) over k.

    Parameters
    ----------
    embedding : Tensor of shape (n, d)
        Embeddings h_i.
    centres : Tensor of shape (K, d)
        Centres μ_k. Gradients flow through both.
    alpha : float
        Degrees of freedom α, above 0; 1 in the paper's experiments.

    Returns
    -------
    Tensor of shape (n, K)
        In [0, 1]; rows sum to 1.
    """
    return log_assignment(embedding, centres, alpha).exp()


def target_distribution(soft: Tensor) -> Tensor:
    """Target p_ik of Eq. 3, proportional to q_ik² / f_k over k, with the soft cluster frequency f_k = Σ_i q_ik.

    Parameters
    ----------
    soft : Tensor of shape (n, K)
        Soft assignments q of the samples that f_k is to count: all of them in the paper.

    Returns
    -------
    Tensor of shape (n, K)
        In [0, 1]; rows sum to 1. A constant for the optimiser. A cluster of frequency 0 has target 0.
    """
    soft = soft.detach()
    # A cluster so far away that all its assignments round to 0 would make 0 / 0.
    frequency = soft.sum(0).clamp_min(torch.finfo(soft.dtype).tiny)
    weight = soft * (soft / frequency)
    return weight / weight.sum(1, keepdim=True)


def clustering_loss(target: Tensor, log_soft: Tensor) -> Tensor:
    """KL(P‖Q) of Eq. 2, averaged over the samples.

    Parameters
    ----------
    target : Tensor of shape (n, K)
        Target distribution p.
    log_soft : Tensor of shape (n, K)
        ln q, as :func:`log_assignment` gives it.

    Returns
    -------
    Tensor, scalar
        At least 0, low where the assignments match their target.
    """
    return (torch.xlogy(target, target) - target * log_soft).sum(1).mean()
