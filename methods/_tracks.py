"""The two tracks of the shallow methods: the samples as they are, or their embedding by an auto-encoder."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.adapters import Method

from .ae_kmeans import AEKMeans

__all__ = ["TRACKS", "TwoTracks", "track_features"]

TRACKS = ("raw", "ae")


class TwoTracks(Protocol):
    """What a method with two tracks has; parameters as its docstring says."""

    n_clusters: int
    features: str
    ae_epochs: int
    ae_batch_size: int | None
    device: str
    embedding_: NDArray[np.float32]

    def log_epochs_of(self, inner: Method) -> None:
        """Record the epochs of the auto-encoder."""


def track_features(
    method: TwoTracks, samples: NDArray[np.float32], groups: NDArray[np.int64], *, random_state: int | None
) -> NDArray[np.float32]:
    """What `method` is to cluster, (n, e).

    With ``features="ae"`` this is the embedding of the very auto-encoder that the AE + k-means row with the same seed
    uses, in its default recipe; it is kept as ``embedding_``, and its epochs go to the history.

    Parameters
    ----------
    method : TwoTracks
        Method that is being fitted.
    samples : ndarray of shape (n, d) or (n, channels, side, side)
        Samples.
    groups : ndarray of shape (n,), int64
        Group ids; the auto-encoder does not use them.
    random_state : int, optional
        Seed of the auto-encoder.
    """
    # An embedding from an earlier fit on the other track would be taken for this one's.
    vars(method).pop("embedding_", None)
    if method.features == "raw":
        return samples.reshape(len(samples), -1)

    # Its own k-means comes after the training, so one restart leaves the embedding as it is.
    encoder = AEKMeans(
        method.n_clusters,
        epochs=method.ae_epochs,
        batch_size=method.ae_batch_size,
        n_init=1,
        device=method.device,
        random_state=random_state,
    )
    method.log_epochs_of(encoder)
    method.embedding_ = encoder.fit(samples, sensitive_features=groups).embedding_
    return method.embedding_
