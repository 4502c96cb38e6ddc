"""Auto-encoder and k-means: the deep baseline that knows nothing of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import Method
from bench.metadata import MethodInfo

from ._deep.parameters import check_at_least, check_positive, seeds

if TYPE_CHECKING:
    from ._deep.pretraining import Recipe

__all__ = ["AEKMeans"]


class AEKMeans(Method):
    """K-means on the embedding of an auto-encoder trained on its mean squared reconstruction error.

    The auto-encoder that the FCMI paper compares with is not public. Two recipes stand in for it:

    * ``backbone="matched"``: FCMI's own network with one decoder branch and an embedding of free length, Adam,
      batches of 512. Differences from FCMI then come from its losses and branches. The learning rate is 5e-4, half of
      FCMI's: without unit length the convolutional network dies on some seeds at 1e-3, stuck at the mean image.
    * ``backbone="original"``: the fully connected D-500-500-2000-10 network of the stacked auto-encoder baselines
      (Xie et al., "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016), linear output, trained end to
      end as in a common port of it: momentum 0.9, batches of 256, learning rate 1 for 784 pixels. With D entries it
      is D / 784 (our choice), the same step on the squared norm. Layer-wise denoising pretraining, which the 2016
      paper starts from, is left out.

    The matched network's output is a tanh: values of `X` outside [-1, 1] are out of its reach, and nothing is
    rescaled here.

    Parameters
    ----------
    n_clusters : int
        Number of clusters K.
    backbone : {"matched", "original"}
        Network and recipe.
    embedding_dim : int, optional
        Size of the embedding; K for ``"matched"``, 10 for ``"original"`` when None.
    epochs : int
        Passes over the data. The last partial batch of a pass is dropped.
    batch_size : int, optional
        Samples a step; the recipe's when None.
    learning_rate : float, optional
        Step size; the recipe's when None.
    n_init : int
        Restarts of k-means.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    precision : {"auto", "float32", "bfloat16"}
        Arithmetic of the network; ``"auto"`` takes bfloat16 where the device has instructions for it.
    random_state : int, optional
        Seed of weights, order of samples and restarts.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Clusters.
    embedding_ : ndarray of shape (n, embedding_dim), float32
        What k-means saw.
    history_ : list of dict
        ``loss`` and ``reconstruction``, the mean squared error, by epoch.
    precision_ : str
        Arithmetic that was used.

    References
    ----------
    Vincent et al., "Stacked Denoising Autoencoders", Journal of Machine Learning Research 11, 2010.
    """

    info = MethodInfo(
        name="ae_kmeans",
        title="AE + k-means",
        reference="Vincent et al., Stacked Denoising Autoencoders: Learning Useful Representations in a Deep Network "
        "with a Local Denoising Criterion, Journal of Machine Learning Research 11, 2010",
        doi="https://jmlr.org/papers/v11/vincent10a.html",
        family="deep",
        inputs=("vector", "image"),
        published_as="AE",
        notes=("The auto-encoder behind the published row is not public; ours has FCMI's network by default.",),
        requires=("torch",),
        quick={"epochs": 3, "batch_size": 64},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        backbone: str = "matched",
        embedding_dim: int | None = None,
        epochs: int = 300,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        n_init: int = 20,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.backbone = backbone
        self.embedding_dim = embedding_dim
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.n_init = n_init
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Train and cluster; the sensitive attribute is not used. See :meth:`Method.fit`."""
        samples, _ = self.check_input(X, sensitive_features)
        weights, order, restarts = seeds(self.random_state, 3)

        from ._deep.centres import fit_kmeans
        from ._deep.hardware import Hardware
        from ._deep.pretraining import pretrain

        recipe = self._recipe(samples[0].size)
        hardware = Hardware.choose(self.device, self.precision)
        self.precision_ = hardware.precision
        network, data = pretrain(
            samples, recipe, hardware, epochs=self.epochs, seeds=(weights, order), log=self.log_epoch
        )
        self.embedding_: NDArray[np.float32] = data.embed(network.encoder).cpu().numpy()
        model = fit_kmeans(self.embedding_, self.n_clusters, n_init=self.n_init, seed=restarts)
        self.labels_ = model.labels_.astype(np.int64)
        return self

    def _recipe(self, entries: int) -> Recipe:
        """Network and optimiser for samples of so many entries."""
        from ._deep.pretraining import Recipe

        recipe = Recipe.choose(
            self.backbone,
            entries=entries,
            n_clusters=self.n_clusters,
            embedding_dim=self.embedding_dim,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )
        check_at_least(1, embedding_dim=recipe.embedding_dim, batch_size=recipe.batch_size)
        check_at_least(1, epochs=self.epochs, n_init=self.n_init)
        check_positive(learning_rate=recipe.learning_rate)
        return recipe
