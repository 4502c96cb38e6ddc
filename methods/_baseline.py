"""Scikit-learn's clusterers as baselines, on the samples or on the embedding of an auto-encoder.

They know nothing of groups. K-means is in ``kmeans.py``, and any other class of scikit-learn runs by its path, see
:mod:`bench.estimators`. Four have a file because they need more than their class: principal components, graphs of
neighbours in place of all n² distances, so that 67,000 samples fit into memory, and a cluster for what HDBSCAN calls
noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import Method

from ._deep.parameters import check_at_least, check_choice, seeds
from ._tracks import TRACKS, track_features

__all__ = ["Baseline"]


class Baseline(Method):
    """What the four share: the features that they cluster."""

    features: str
    n_components: int | None
    ae_epochs: int
    ae_batch_size: int | None
    device: str
    random_state: int | None
    embedding_: NDArray[np.float32]

    def clustered(self, X: ArrayLike, sensitive_features: ArrayLike) -> tuple[NDArray[np.float32], int]:
        """What is to be clustered, (n, e), kept as ``embedding_``; and a seed."""
        samples, groups = self.check_input(X, sensitive_features)
        check_choice("features", self.features, TRACKS)
        if self.n_components is not None:
            check_at_least(1, n_components=self.n_components)
        reduction, seed = seeds(self.random_state, 2)
        points = track_features(self, samples, groups, random_state=self.random_state)
        if self.n_components is not None and self.n_components < min(points.shape):
            from sklearn.decomposition import PCA

            # Samples that are all the same have no variance to be explained, and need none.
            with np.errstate(invalid="ignore"):
                points = PCA(self.n_components, random_state=reduction).fit_transform(points)
        self.embedding_ = points
        return points, seed

    def log_result(self, **values: float) -> None:
        """End the history with one row."""
        epoch = len(self.history_)
        self.log_epoch(epoch, epoch + 1, **values)
