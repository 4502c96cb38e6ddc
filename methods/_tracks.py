"""The second track of the shallow methods: the embedding of an auto-encoder in place of the samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.adapters import EpochListener

from .ae_kmeans import AEKMeans

__all__ = ["ae_embedding"]


def ae_embedding(
    samples: NDArray[np.float32],
    groups: NDArray[np.int64],
    *,
    n_clusters: int,
    epochs: int,
    batch_size: int | None,
    device: str,
    random_state: int | None,
    on_epoch: EpochListener | None = None,
) -> NDArray[np.float32]:
    """Embedding (n, e) of the very auto-encoder that the AE + k-means row with the same seed uses.

    Parameters
    ----------
    samples : ndarray of shape (n, d) or (n, channels, side, side)
        Samples.
    groups : ndarray of shape (n,), int64
        Group ids; the auto-encoder does not use them.
    n_clusters, epochs, batch_size, device, random_state
        Parameters of :class:`AEKMeans`.
    on_epoch : callable, optional
        Told every epoch of its training.
    """
    # Its own k-means comes after the training, so one restart leaves the embedding as it is.
    encoder = AEKMeans(
        n_clusters, epochs=epochs, batch_size=batch_size, n_init=1, device=device, random_state=random_state
    )
    encoder.on_epoch = on_epoch
    embedding: NDArray[np.float32] = encoder.fit(samples, sensitive_features=groups).embedding_
    return embedding
