"""DFC: clusters that hide the group from a critic and keep the structure each group has alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import Method
from bench.errors import InvalidInputError
from bench.metadata import MethodInfo

from ._deep.parameters import check_at_least, check_choice, check_not_negative, check_positive, seeds

if TYPE_CHECKING:
    from torch import Tensor

    from ._deep.fair_adversarial import JointSettings
    from ._deep.golden import Pretraining
    from ._deep.self_training import StudentClusters
    from ._deep.training import ResidentData

__all__ = ["DFC"]

GROUPS = 2


class DFC(Method):
    """Deep fair clustering for visual learning, for two groups.

    1. A variational auto-encoder is trained on all samples.
    2. For each group alone, another one is trained, k-means sets centres in its latent space, and DEC trains encoder
       and centres. The soft assignments P̂ of these *golden* models are then fixed.
    3. K-means in the latent space of the first auto-encoder sets the centres of the joint model.
    4. Its encoder and centres are trained with a critic that guesses the group from the soft assignments P, on the
       same number of samples of each group a step. Gradients are reversed between critic and encoder.

    The loss is ``L_c + α_s L_s + α_f L_f``: L_c a divergence of P and a sharper Q made of P within the group's part
    of the batch (Eq. 3), L_s ``‖P Pᵀ - P̂ P̂ᵀ‖²`` (Eq. 2), L_f the critic's cross-entropy (Eq. 1). L_c and L_s are sums
    over samples and pairs of them, averaged over the groups, L_f is a mean over samples. So that weights do not
    depend on the batch size, the sums are scaled to the 512 samples a group of the official code.

    Where sources differ this is the official code. The report prints KL(P‖Q); the code minimises KL(Q‖P), as DEC does,
    and so does ``divergence="kl"``. JS and CS are the report's extensions, by its Eqs. 8 and 9. The learning rate is
    1e-4 in the report's text, 1e-2 in the code. Ours, since not published: the decoders, the encoder of vectors and
    its normal likelihood, and the budget of the golden models, which end by `tol`. Unlike the code, labels cover all
    samples, and the joint stage leaves none out.
    Images are taken to be in [-1, 1] and padded to a multiple of 8 pixels (28 to 32) by repeating the border.

    Parameters
    ----------
    n_clusters : int
        Number of clusters K.
    divergence : {"kl", "js", "cs"}
        Kullback-Leibler, Jensen-Shannon or Cauchy-Schwarz, for L_c.
    pretrained_centers : bool
        Whether k-means sets the centres of the joint model (stage 3); else they are Xavier-uniform random numbers.
    latent_dim : int
        Size d of the latent space.
    alpha : float
        Degrees of freedom of Student's t-distribution (Eq. 5).
    fairness_weight, structure_weight : float
        α_f and α_s, at least 0.
    vae_epochs, vae_batch_size, vae_learning_rate
        Of the three variational auto-encoders, trained by Adam.
    n_init : int
        Restarts of k-means.
    golden_iterations : int
        Most iterations of DEC on a group; 0 leaves the golden models at k-means.
    golden_batch_size, golden_learning_rate, update_interval, tol
        Of DEC, trained by Adam: it ends when less than a share `tol` of the labels changed between two targets,
        `update_interval` iterations apart.
    iterations, batch_size : int
        Of the joint stage: steps, and samples of each group a step, at most as many as the larger group has. A
        smaller group is repeated.
    learning_rate, weight_decay : float
        Of Adam in the joint stage. The critic's rate is ten times as high; both decline.
    log_interval : int
        Iterations of the joint stage that make a row of the history.
    device, precision : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``; ``"auto"``, ``"float32"`` or ``"bfloat16"``.
    random_state : int, optional
        Seed of weights, order of samples, draws, dropout and restarts.

    Attributes
    ----------
    labels_, soft_labels_ : ndarrays of shape (n,), int64, and (n, K), float32
        Cluster of the largest soft assignment, and soft assignments P at the latent means.
    embedding_, centres_ : ndarrays of shape (n, d) and (K, d), float32
        Latent means, and trained centres.
    golden_soft_labels_ : ndarray of shape (n, K), float32
        Soft assignments P̂ by the golden model of each sample's group; a group of fewer than K samples has as many
        clusters as samples.
    history_ : list of dict
        By ``phase``. 0, all samples, and 1, a ``group``: ``loss``, ``reconstruction`` and ``latent``, the negative
        evidence lower bound and its parts, by epoch. 2, DEC on a ``group``: ``loss``, ``kl``, ``changed`` and
        ``iteration``, by target. 3: ``loss``, ``clustering`` L_c, ``structure`` L_s, ``fairness`` L_f, ``reversal``,
        the coefficient of the reversed gradient, and ``iteration``. The last row has ``used_clusters``, the number
        of distinct labels.
    precision_ : str
        Arithmetic that was used.

    References
    ----------
    Li, Zhao and Liu, "Deep Fair Clustering for Visual Learning", CVPR 2020, pp. 9070-9079,
    doi:10.1109/CVPR42600.2020.00909. Equation numbers are those of Teule et al., "[Re] Deep Fair Clustering for
    Visual Learning", ReScience C 7(2), 2021, doi:10.5281/zenodo.4833547.
    """

    info = MethodInfo(
        name="dfc",
        title="DFC",
        reference="Li, Zhao and Liu, Deep Fair Clustering for Visual Learning, CVPR 2020",
        doi="10.1109/CVPR42600.2020.00909",
        family="deep",
        inputs=("vector", "image"),
        min_groups=2,
        max_groups=2,
        uses_sensitive=True,
        published_as="DFC",
        notes=(
            "The official code holds DFC's joint stage and ready weights for MNIST-USPS; how these were trained, and "
            "all of the network for vectors, is our choice.",
        ),
        requires=("torch",),
        quick={"vae_epochs": 2, "vae_batch_size": 64, "n_init": 2, "golden_iterations": 6, "iterations": 5},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        divergence: str = "kl",
        pretrained_centers: bool = True,
        latent_dim: int = 64,
        alpha: float = 1.0,
        fairness_weight: float = 1.0,
        structure_weight: float = 1.0,
        vae_epochs: int = 80,
        vae_batch_size: int = 128,
        vae_learning_rate: float = 1e-3,
        n_init: int = 20,
        golden_iterations: int = 20000,
        golden_batch_size: int = 256,
        golden_learning_rate: float = 1e-4,
        update_interval: int = 140,
        tol: float = 1e-3,
        iterations: int = 20000,
        batch_size: int = 512,
        learning_rate: float = 1e-2,
        weight_decay: float = 5e-4,
        log_interval: int = 100,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.divergence = divergence
        self.pretrained_centers = pretrained_centers
        self.latent_dim = latent_dim
        self.alpha = alpha
        self.fairness_weight = fairness_weight
        self.structure_weight = structure_weight
        self.vae_epochs = vae_epochs
        self.vae_batch_size = vae_batch_size
        self.vae_learning_rate = vae_learning_rate
        self.n_init = n_init
        self.golden_iterations = golden_iterations
        self.golden_batch_size = golden_batch_size
        self.golden_learning_rate = golden_learning_rate
        self.update_interval = update_interval
        self.tol = tol
        self.iterations = iterations
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.log_interval = log_interval
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Train and cluster. See :meth:`Method.fit`.

        Raises
        ------
        InvalidInputError
            For parameters out of range, or if training diverges.
        UnsupportedInputError
            Unless there are two groups.
        """
        samples, groups = self.check_input(X, sensitive_features)
        self._check_parameters()
        shared, first, second, joint = (seeds(seed, 5) for seed in seeds(self.random_state, 4))

        from ._deep.hardware import Hardware
        from ._deep.training import ResidentData
        from ._deep.variational import as_network_input

        hardware = Hardware.choose(self.device, self.precision)
        self.precision_ = hardware.precision
        data = ResidentData(as_network_input(samples), groups, GROUPS, hardware)
        model = self._shared_model(data, shared)
        golden = self._golden(data, (first, second))
        self.golden_soft_labels_: NDArray[np.float32] = golden.cpu().numpy()
        self._train_jointly(model, golden, data, joint)
        return self

    def _check_parameters(self) -> None:
        check_choice("divergence", self.divergence, ("kl", "js", "cs"))
        if not isinstance(self.pretrained_centers, bool):
            raise InvalidInputError(f"pretrained_centers={self.pretrained_centers!r} given; it takes True or False")
        check_at_least(1, latent_dim=self.latent_dim, vae_epochs=self.vae_epochs, vae_batch_size=self.vae_batch_size)
        check_at_least(1, n_init=self.n_init, golden_batch_size=self.golden_batch_size, iterations=self.iterations)
        check_at_least(1, update_interval=self.update_interval, batch_size=self.batch_size)
        check_at_least(1, log_interval=self.log_interval)
        check_at_least(0, golden_iterations=self.golden_iterations)
        check_positive(alpha=self.alpha, vae_learning_rate=self.vae_learning_rate, tol=self.tol)
        check_positive(golden_learning_rate=self.golden_learning_rate, learning_rate=self.learning_rate)
        check_not_negative(fairness_weight=self.fairness_weight, structure_weight=self.structure_weight)
        check_not_negative(weight_decay=self.weight_decay)

    def _log(self, phase: int, _: int, **values: float) -> None:
        targets = -(-self.golden_iterations // self.update_interval)
        rows = (1 + GROUPS) * self.vae_epochs + GROUPS * targets + -(-self.iterations // self.log_interval)
        self.log_epoch(len(self.history_), rows, phase=phase, **values)

    def _recipe(self) -> Pretraining:
        from ._deep.golden import Pretraining

        return Pretraining(self.latent_dim, self.vae_epochs, self.vae_batch_size, self.vae_learning_rate)

    def _shared_model(self, data: ResidentData, given: list[int]) -> StudentClusters:
        """Stages 1 and 3: the encoder of all samples, with the centres that the joint stage starts from."""
        from ._deep.golden import kmeans_clusters, pretrained_encoder, random_clusters

        *first, restarts, _ = given
        encoder = pretrained_encoder(data, self._recipe(), seeds=first, log=partial(self._log, 0))
        if not self.pretrained_centers:
            return random_clusters(encoder, data, self.n_clusters, alpha=self.alpha, seed=restarts)
        return kmeans_clusters(encoder, data, self.n_clusters, alpha=self.alpha, n_init=self.n_init, seed=restarts)

    def _golden(self, data: ResidentData, given: tuple[list[int], list[int]]) -> Tensor:
        """Stage 2: soft assignments (n, K), each by the model of the sample's group."""
        from ._deep.golden import GoldenModels
        from ._deep.self_training import Schedule

        models = GoldenModels(
            n_clusters=self.n_clusters,
            alpha=self.alpha,
            n_init=self.n_init,
            recipe=self._recipe(),
            schedule=Schedule(self.update_interval, self.tol, self.golden_iterations, self.golden_batch_size),
            learning_rate=self.golden_learning_rate,
        )
        return models.assign(data, given, log=self._log)

    def _train_jointly(self, model: StudentClusters, golden: Tensor, data: ResidentData, given: list[int]) -> None:
        """Stage 4, and the labels."""
        from ._deep.fair_adversarial import JointTraining

        def log(iteration: int, **values: float) -> None:
            if iteration == self.iterations:
                self._read_out(model, data)
                values["used_clusters"] = len(np.unique(self.labels_))
            self._log(3, 0, iteration=iteration, **values)

        weights, draws, order, *_ = given
        training = JointTraining.start(model, golden, data, self._settings(data.groups), seeds=(weights, draws))
        training.run(np.random.default_rng(order), self.log_interval, log)

    def _settings(self, groups: NDArray[np.int64]) -> JointSettings:
        from ._deep.fair_adversarial import JointSettings

        return JointSettings(
            divergence=self.divergence,
            fairness_weight=self.fairness_weight,
            structure_weight=self.structure_weight,
            iterations=self.iterations,
            batch_size=min(self.batch_size, int(np.bincount(groups).max())),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
        )

    def _read_out(self, model: StudentClusters, data: ResidentData) -> None:
        soft = model.assign(data)
        self.embedding_: NDArray[np.float32] = data.embed(model.encoder).cpu().numpy()
        self.centres_: NDArray[np.float32] = model.centres.detach().cpu().numpy()
        self.soft_labels_: NDArray[np.float32] = soft.cpu().numpy()
        self.labels_ = soft.argmax(1).cpu().numpy()
