"""Reconstructions of samples in any order, each by the branch of a chosen group."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from .networks import AutoEncoder

__all__ = ["decode_by_group"]

CHUNK = 1024


def decode_by_group(
    network: AutoEncoder, samples: NDArray[np.float32], groups: NDArray[np.int64], n_groups: int
) -> NDArray[np.float32]:
    """Encode every sample and decode it by the branch of its entry in `groups`.

    Parameters
    ----------
    network : AutoEncoder
        On the CPU; left in evaluation mode.
    samples : ndarray of shape (n, d) or (n, channels, side, side), float32
        Samples.
    groups : ndarray of shape (n,), int64
        Branch for each, 0 .. n_groups - 1.
    n_groups : int
        Number of branches.

    Returns
    -------
    ndarray, float32
        Same shape as `samples`.
    """
    network.eval()
    decoded = np.empty(samples.shape, dtype=np.float32)
    order = np.argsort(groups, kind="stable")
    with torch.no_grad():
        for start in range(0, len(order), CHUNK):
            rows = order[start : start + CHUNK]
            sizes = np.bincount(groups[rows], minlength=n_groups).tolist()
            _, output = network(torch.from_numpy(samples[rows]), sizes)
            decoded[rows] = output.numpy()
    return decoded
