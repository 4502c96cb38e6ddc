"""DEC: an embedding and cluster centres that sharpen their own soft assignments."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import Method
from bench.errors import InvalidInputError
from bench.metadata import MethodInfo

from ._deep.parameters import check_at_least, check_positive, seeds

if TYPE_CHECKING:
    from ._deep.networks import AutoEncoder
    from ._deep.pretraining import Recipe
    from ._deep.self_training import StudentClusters
    from ._deep.training import ResidentData

__all__ = ["DEC"]


class DEC(Method):
    """Deep embedded clustering.

    An auto-encoder is trained on its mean squared reconstruction error and its decoder put aside. K-means on the
    embeddings sets K centres. Encoder and centres are then trained together on ``KL(P‖Q)`` (Eq. 2): Q are soft
    assignments by Student's t-distribution (Eq. 1), P is a sharper version of them (Eq. 3) over all samples, renewed
    every `update_interval` iterations and constant in between.

    The pretraining decides the result, and is named by `backbone`; given the same seed and budget it is that of
    ``ae_kmeans``, so that the two differ by the training that follows alone:

    * ``"matched"``: FCMI's network with one decoder branch, convolutional for images, Adam.
    * ``"original"``: the paper's fully connected D-500-500-2000-10 network, images flattened, trained end to end by
      SGD. The paper's layer-wise denoising pretraining is left out.

    Differences from the official code: samples are shuffled anew for every pass, and batch normalisation, which the
    paper's network has not, keeps the statistics of the pretraining. As there, the partial batch that ends a pass is
    left out of training; labels cover all samples.

    Parameters
    ----------
    n_clusters : int
        Number of clusters K.
    backbone : {"matched", "original"}
        Network and recipe of the pretraining.
    embedding_dim : int, optional
        Size d of the embedding; K for ``"matched"``, 10 for ``"original"`` when None.
    pretrain_epochs : int
        Passes over the data by the auto-encoder.
    pretrain_batch_size : int, optional
        Samples a step of the auto-encoder; 512 for ``"matched"``, 256 for ``"original"`` when None.
    pretrain_learning_rate : float, optional
        Step size of the auto-encoder; 5e-4 for ``"matched"``, D / 784 for ``"original"`` when None.
    n_init : int
        Restarts of k-means.
    alpha : float
        Degrees of freedom α of Student's t-distribution.
    update_interval : int
        Iterations between two targets. The official code takes 160 for MNIST, 40 for STL and 20 for Reuters, about
        half a pass over the data; 140 is that of a common port.
    tol : float
        Training ends when less than this share of the labels changed between two targets.
    max_iter : int
        Most iterations after the pretraining; 0 stops at the soft assignments to the centres of k-means.
    batch_size : int
        Samples an iteration.
    learning_rate, momentum : float
        Of the SGD on KL(P‖Q).
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    precision : {"auto", "float32", "bfloat16"}
        Arithmetic of the network; ``"auto"`` takes bfloat16 where the device has instructions for it.
    random_state : int, optional
        Seed of weights, order of samples and restarts.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Cluster of the largest soft assignment.
    soft_labels_ : ndarray of shape (n, K), float32
        Soft assignments q_ik.
    embedding_ : ndarray of shape (n, d), float32
        Embeddings h_i.
    centres_ : ndarray of shape (K, d), float32
        Trained centres μ_k.
    n_iter_ : int
        Iterations after the pretraining.
    stopped_ : {"tol", "max_iter"}
        Why training ended: labels settled, or iterations ran out.
    history_ : list of dict
        First the pretraining, ``phase`` 0: ``loss`` and ``reconstruction``, the mean squared error, by epoch. Then a
        row for every target that was used, ``phase`` 1: ``loss`` and ``kl``, KL(P‖Q) in nats, mean over its batches,
        ``changed``, the share of labels that changed by its end, and ``iteration``, those made by then.
    precision_ : str
        Arithmetic that was used.

    References
    ----------
    Xie, Girshick and Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016, pp. 478-487,
    doi:10.48550/arXiv.1511.06335.
    """

    info = MethodInfo(
        name="dec",
        title="DEC",
        reference="Xie, Girshick and Farhadi, Unsupervised Deep Embedding for Clustering Analysis, ICML 2016",
        doi="10.48550/arXiv.1511.06335",
        family="deep",
        inputs=("vector", "image"),
        published_as="DEC",
        notes=(
            "The pretraining decides DEC's result, and that of the published row is not public; ours is the one of "
            "AE + k-means, with FCMI's network by default.",
        ),
        requires=("torch",),
        quick={"pretrain_epochs": 3, "pretrain_batch_size": 64, "update_interval": 3, "max_iter": 9},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        backbone: str = "matched",
        embedding_dim: int | None = None,
        pretrain_epochs: int = 300,
        pretrain_batch_size: int | None = None,
        pretrain_learning_rate: float | None = None,
        n_init: int = 20,
        alpha: float = 1.0,
        update_interval: int = 140,
        tol: float = 1e-3,
        max_iter: int = 20000,
        batch_size: int = 256,
        learning_rate: float = 0.01,
        momentum: float = 0.9,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.backbone = backbone
        self.embedding_dim = embedding_dim
        self.pretrain_epochs = pretrain_epochs
        self.pretrain_batch_size = pretrain_batch_size
        self.pretrain_learning_rate = pretrain_learning_rate
        self.n_init = n_init
        self.alpha = alpha
        self.update_interval = update_interval
        self.tol = tol
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Train and cluster; the sensitive attribute is not used. See :meth:`Method.fit`.

        Raises
        ------
        InvalidInputError
            For parameters out of range, or if training diverges.
        UnsupportedInputError
            With the matched network, for images that are not square with a side divisible by 4.
        """
        samples, groups = self.check_input(X, sensitive_features)
        recipe = self._recipe(samples[0].size)
        self._check_parameters(recipe)
        # The first three are those of ae_kmeans, which makes the start the same.
        weights, order, restarts, refinement = seeds(self.random_state, 4)

        from ._deep.hardware import Hardware
        from ._deep.pretraining import pretrain

        hardware = Hardware.choose(self.device, self.precision)
        self.precision_ = hardware.precision
        network, data = pretrain(
            samples,
            recipe,
            hardware,
            epochs=self.pretrain_epochs,
            seeds=(weights, order),
            log=self._log_pretraining,
        )
        model = self._clusters(network, data, groups, restarts)
        self._refine(model, data, refinement)
        self._read_out(model, data)
        return self

    def _recipe(self, entries: int) -> Recipe:
        from ._deep.pretraining import Recipe

        return Recipe.choose(
            self.backbone,
            entries=entries,
            n_clusters=self.n_clusters,
            embedding_dim=self.embedding_dim,
            batch_size=self.pretrain_batch_size,
            learning_rate=self.pretrain_learning_rate,
        )

    def _check_parameters(self, recipe: Recipe) -> None:
        check_at_least(1, embedding_dim=recipe.embedding_dim, pretrain_batch_size=recipe.batch_size)
        check_at_least(1, pretrain_epochs=self.pretrain_epochs, n_init=self.n_init)
        check_at_least(1, update_interval=self.update_interval, batch_size=self.batch_size)
        check_at_least(0, max_iter=self.max_iter)
        check_positive(pretrain_learning_rate=recipe.learning_rate, learning_rate=self.learning_rate)
        check_positive(alpha=self.alpha, tol=self.tol)
        _check_momentum(self.momentum)

    def _log_pretraining(self, epoch: int, _: int, **values: float) -> None:
        self.log_epoch(epoch, self._rows(), phase=0, **values)

    def _log_target(self, target: int, **values: float) -> None:
        self.log_epoch(self.pretrain_epochs + target, self._rows(), phase=1, **values)

    def _rows(self) -> int:
        """Rows of the history if iterations run out."""
        return self.pretrain_epochs + -(-self.max_iter // self.update_interval)

    def _clusters(
        self, network: AutoEncoder, data: ResidentData, _groups: NDArray[np.int64], seed: int
    ) -> StudentClusters:
        """The encoder, with the centres of k-means on its embeddings; methods built on this one use the groups."""
        import torch

        from ._deep.centres import fit_kmeans
        from ._deep.self_training import StudentClusters

        embedding = data.embed(network.encoder).cpu().numpy()
        centres = fit_kmeans(embedding, self.n_clusters, n_init=self.n_init, seed=seed).cluster_centers_
        start = torch.from_numpy(centres.astype(np.float32)).to(data.hardware.device)
        return StudentClusters(network.encoder, start, self.alpha)

    def _refine(self, model: StudentClusters, data: ResidentData, seed: int) -> None:
        from torch.optim import SGD

        from ._deep.self_training import Schedule, self_train

        optimiser = SGD(model.parameters(), self.learning_rate, momentum=self.momentum, fused=True)
        schedule = Schedule(self.update_interval, self.tol, self.max_iter, self.batch_size)
        outcome = self_train(model, data, optimiser, schedule, rng=np.random.default_rng(seed), log=self._log_target)
        self.n_iter_ = outcome.n_iter
        self.stopped_: str = outcome.stopped

    def _read_out(self, model: StudentClusters, data: ResidentData) -> None:
        soft = model.assign(data)
        self.embedding_: NDArray[np.float32] = data.embed(model.encoder).cpu().numpy()
        self.centres_: NDArray[np.float32] = model.centres.detach().cpu().numpy()
        self.soft_labels_: NDArray[np.float32] = soft.cpu().numpy()
        self.labels_ = soft.argmax(1).cpu().numpy()


def _check_momentum(momentum: object) -> None:
    if isinstance(momentum, bool) or not isinstance(momentum, Real) or not 0 <= float(momentum) < 1:
        raise InvalidInputError(f"momentum={momentum!r} given; it takes a number of at least 0 and below 1")
