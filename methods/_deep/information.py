"""The information terms of FCMI as pure functions of soft assignments, in nats.

Zeng et al., "Deep Fair Clustering via Maximizing and Minimizing Mutual Information", CVPR 2023; equation numbers
are the paper's. Where the paper leaves a step open (temperature, groups absent from a batch) the official code decides.

A *table* is the soft contingency table of groups and clusters, shape (T, K): entry (t, k) sums the assignments to
cluster k over the samples of group t.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "cluster_entropy",
    "conditional_entropy",
    "contingency",
    "fill_empty",
    "group_information",
    "information_terms",
    "soft_assignment",
]

# Keeps the logarithm of an assignment that underflowed finite, as in the official code.
EPSILON = 1e-8


def soft_assignment(embedding: Tensor, centres: Tensor, tau: float) -> Tensor:
    """Probability c_ik of sample i belonging to cluster k, of Eq. 4: softmax over k of h_i·c_k / τ.

    Parameters
    ----------
    embedding : Tensor of shape (n, d)
        Embeddings h_i of length 1.
    centres : Tensor of shape (K, d)
        Centres c_k of length 1: constants, gradients flow through the embedding alone.
    tau : float
        Temperature.

    Returns
    -------
    Tensor of shape (n, K)
        Rows sum to 1.
    """
    return torch.softmax(embedding @ centres.detach().T / tau, dim=1)


def contingency(soft: Tensor, membership: Tensor) -> Tensor:
    """Soft contingency table of groups and clusters: N times the joint distribution of Eq. 6.

    Parameters
    ----------
    soft : Tensor of shape (n, K)
        Soft assignments.
    membership : Tensor of shape (n, T)
        1 where the sample belongs to the group, else 0.

    Returns
    -------
    Tensor of shape (T, K)
    """
    return membership.T @ soft


def fill_empty(table: Tensor) -> Tensor:
    """Replace entries of 0 by a tenth of the smallest positive one, a constant for the optimiser.

    A batch may lack a group altogether; the official code keeps Eq. 8 finite this way.
    """
    positive = table > 0
    smallest = torch.where(positive, table, torch.inf).min()
    return torch.where(positive, table, smallest.detach() / 10)


def conditional_entropy(soft: Tensor) -> Tensor:
    """H(C|X) of Eq. 4, equal to H(C|X,G): low where clusters are compact.

    Parameters
    ----------
    soft : Tensor of shape (n, K)
        Soft assignments.

    Returns
    -------
    Tensor, scalar
        In [0, ln K].
    """
    return -(soft * torch.log(soft + EPSILON)).sum(1).mean()


def cluster_entropy(table: Tensor) -> Tensor:
    """H(C) of Eq. 5: high where clusters are balanced.

    Parameters
    ----------
    table : Tensor of shape (T, K)
        Soft contingency table.

    Returns
    -------
    Tensor, scalar
        In [0, ln K].
    """
    clusters = table.sum(0) / table.sum()
    return -torch.xlogy(clusters, clusters).sum()


def group_information(table: Tensor) -> Tensor:
    """I(G;C) of Eq. 6, the fairness loss of Eq. 8: 0 where clusters are independent of groups.

    Parameters
    ----------
    table : Tensor of shape (T, K)
        Soft contingency table.

    Returns
    -------
    Tensor, scalar
        At least 0, at most H(G) and H(C).
    """
    joint = table / table.sum()
    independent = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return (torch.xlogy(joint, joint) - torch.xlogy(joint, independent)).sum()


def information_terms(soft: Tensor, membership: Tensor) -> dict[str, float]:
    """The information terms of a whole data set, for the history.

    Parameters
    ----------
    soft : Tensor of shape (n, K)
        Soft assignments.
    membership : Tensor of shape (n, T)
        Groups as 0 and 1.

    Returns
    -------
    dict
        ``mi_xc_given_g`` is I(X;C|G) = H(C) - I(G;C) - H(C|X) by Eqs. 3 and 4, ``mi_gc`` I(G;C), ``h_c`` H(C) and
        ``h_c_given_x`` H(C|X).
    """
    # Doubles: differences of entropies over many samples would lose digits otherwise.
    soft, membership = soft.double(), membership.double()
    table = contingency(soft, membership)
    values = torch.stack([group_information(table), cluster_entropy(table), conditional_entropy(soft)])
    mi_gc, h_c, h_c_given_x = values.tolist()
    return {"mi_xc_given_g": h_c - mi_gc - h_c_given_x, "mi_gc": mi_gc, "h_c": h_c, "h_c_given_x": h_c_given_x}
