"""FCMI: deep fair clustering by maximising I(X;C|G) and minimising I(G;C)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from bench.adapters import Method, encode, finite_samples
from bench.errors import InvalidInputError
from bench.metadata import MethodInfo

from ._deep.parameters import check_at_least, check_choice, check_positive, seeds

if TYPE_CHECKING:
    from torch import Tensor

    from ._deep.networks import AutoEncoder
    from ._deep.objective import FairObjective
    from ._deep.training import ResidentData

__all__ = ["FCMI"]


class Settings(NamedTuple):
    """What paper and official code disagree on."""

    learning_rate: float
    squared_norm: bool


SETTINGS = {"official": Settings(1e-3, squared_norm=False), "paper": Settings(1e-4, squared_norm=True)}


class FCMI(Method):
    """Deep fair clustering via maximizing and minimizing mutual information.

    One encoder for all groups, one decoder branch for each. The loss (Eq. 12) is
    ``L_rec + α·L_clu + β·L_fair`` with ``L_clu = -H(C) + H(C|X)`` (Eq. 7) and ``L_fair = I(G;C)`` (Eq. 8), on soft
    assignments by cosine similarity to cluster centres. At the start of every epoch k-means on all embeddings sets
    the centres; they are constants for the optimiser. Images go through a convolutional network, vectors through a
    fully connected one. Any number of groups; with one, L_fair is 0.

    The network's output is a tanh: values of `X` outside [-1, 1] are out of its reach, and nothing is rescaled here.

    Parameters
    ----------
    n_clusters : int
        Number of clusters K.
    settings : {"official", "paper"}
        Paper and official code differ: ``"official"`` is the code's learning rate 1e-3 and reconstruction error
        averaged over entries, which gave the published numbers; ``"paper"`` is 1e-4 and the squared norm of Eq. 11,
        as printed.
    alpha, beta : float
        Weights of L_clu and L_fair.
    balance_weight : float
        Weight of -H(C) inside L_clu. For the Mouse Atlas the paper sets β to 0 and explains it as removing the
        balance constraint, which is not what β weights: ``beta=0`` is the printed reading, ``balance_weight=0`` the
        explained one.
    tau : float
        Temperature of the soft assignments.
    epochs : int
        Epochs E. As in the official code, labels are read before the updates of the last one: there are E - 1
        passes over the data (at least one), and the centres are those from the start of the last pass.
    warmup_epochs : int
        First epochs, on the reconstruction alone.
    batch_size : int
        Samples a step. The last partial batch of an epoch is dropped; fewer samples than this make one batch.
    learning_rate : float, optional
        Step size of Adam; that of `settings` when None.
    embedding_dim : int, optional
        Size d of the embedding; K when None. The official code takes 5 for MTFL, where K is 2.
    final_kmeans : bool
        Whether to make all E passes and to set the centres once more after them, before labels are read.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    precision : {"auto", "float32", "bfloat16"}
        Arithmetic of the network; ``"auto"`` takes bfloat16 where the device has instructions for it.
    random_state : int, optional
        Seed of weights, order of samples and k-means.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Cluster of the most similar centre.
    soft_labels_ : ndarray of shape (n, K), float32
        Soft assignments c_ik.
    embedding_ : ndarray of shape (n, d), float32
        Embeddings h_i of length 1.
    centres_ : ndarray of shape (K, d), float32
        Centres of length 1.
    history_ : list of dict
        By epoch, in nats: ``loss``, ``reconstruction``, ``clustering`` (L_clu), ``fairness`` (L_fair), means over
        the batches; and over all samples at the start of the epoch ``mi_xc_given_g``, ``mi_gc``, ``h_c`` and
        ``h_c_given_x``.
    network_ : AutoEncoder
        The trained network, on the CPU.
    precision_ : str
        Arithmetic that was used.

    References
    ----------
    Zeng, Li, Hu, Peng, Lv and Peng, "Deep Fair Clustering via Maximizing and Minimizing Mutual Information: Theory,
    Algorithm and Metric", CVPR 2023, pp. 23986-23995, doi:10.48550/arXiv.2209.12396.
    """

    info = MethodInfo(
        name="fcmi",
        title="FCMI",
        reference="Zeng, Li, Hu, Peng, Lv and Peng, Deep Fair Clustering via Maximizing and Minimizing Mutual "
        "Information: Theory, Algorithm and Metric, CVPR 2023",
        doi="10.48550/arXiv.2209.12396",
        family="deep",
        inputs=("vector", "image"),
        uses_sensitive=True,
        published_as="FCMI",
        requires=("torch",),
        quick={"epochs": 4, "warmup_epochs": 1, "batch_size": 64},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        settings: str = "official",
        alpha: float = 0.04,
        beta: float = 0.20,
        balance_weight: float = 1.0,
        tau: float = 0.1,
        epochs: int = 300,
        warmup_epochs: int = 20,
        batch_size: int = 512,
        learning_rate: float | None = None,
        embedding_dim: int | None = None,
        final_kmeans: bool = False,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.settings = settings
        self.alpha = alpha
        self.beta = beta
        self.balance_weight = balance_weight
        self.tau = tau
        self.epochs = epochs
        self.warmup_epochs = warmup_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.embedding_dim = embedding_dim
        self.final_kmeans = final_kmeans
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Train and cluster; see :meth:`Method.fit`.

        Raises
        ------
        InvalidInputError
            For parameters out of range, or if training diverges.
        UnsupportedInputError
            For images that are not square with a side divisible by 4.
        """
        samples, groups = self.check_input(X, sensitive_features)
        dim = self.n_clusters if self.embedding_dim is None else self.embedding_dim
        self._check_parameters(dim)
        weights, order, centring = seeds(self.random_state, 3)

        from ._deep.hardware import Hardware, seeded_weights
        from ._deep.networks import build_autoencoder
        from ._deep.training import ResidentData

        hardware = Hardware.choose(self.device, self.precision)
        self.precision_ = hardware.precision
        with seeded_weights(weights):
            network = build_autoencoder(
                samples.shape[1:], dim, len(self.groups_), unit_norm=True, stacked=hardware.device.type == "cuda"
            )
        data = ResidentData(samples, groups, len(self.groups_), hardware)
        centres = self._train(network.to(hardware.device), data, np.random.default_rng(order), centring)
        self._read_out(network, data, centres, centring)
        return self

    def reconstruct(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> NDArray[np.float32]:
        """Decode samples by the branch of a group: their own, or another to see them as if of that group.

        The paper's Figure 4 shows both.

        Parameters
        ----------
        X : array-like of shape (n, d) or (n, channels, side, side)
            Samples, of the shape that was fitted.
        sensitive_features : array-like of shape (n,)
            Group whose branch decodes each sample: values that were fitted.

        Returns
        -------
        ndarray, float32
            Same shape as `X`, in [-1, 1].

        Raises
        ------
        NotFittedError
            Before ``fit``.
        InvalidInputError
            For samples of another shape or groups that were not fitted.
        """
        check_is_fitted(self, "network_")
        samples = finite_samples(X)
        if samples.shape[1:] != self.sample_shape_:
            raise InvalidInputError(f"samples have shape {samples.shape[1:]}; the network takes {self.sample_shape_}")
        groups = self._known_groups(sensitive_features, len(samples))

        from ._deep.decoding import decode_by_group

        return decode_by_group(self.network_, samples, groups, len(self.groups_))

    def _check_parameters(self, dim: int) -> None:
        check_choice("settings", self.settings, SETTINGS)
        check_at_least(0, warmup_epochs=self.warmup_epochs)
        check_at_least(1, epochs=self.epochs, batch_size=self.batch_size, embedding_dim=dim)
        check_positive(tau=self.tau, learning_rate=self._learning_rate())

    def _learning_rate(self) -> float:
        return SETTINGS[self.settings].learning_rate if self.learning_rate is None else self.learning_rate

    def _objective(self) -> FairObjective:
        from ._deep.objective import FairObjective

        return FairObjective(
            alpha=self.alpha,
            beta=self.beta,
            balance_weight=self.balance_weight,
            tau=self.tau,
            squared_norm=SETTINGS[self.settings].squared_norm,
        )

    def _train(self, network: AutoEncoder, data: ResidentData, rng: np.random.Generator, seed: int) -> Tensor:
        """Make all passes; return the centres of the last one."""
        from torch.optim import Adam

        from ._deep.information import information_terms, soft_assignment
        from ._deep.training import train_pass

        objective = self._objective()
        optimiser = Adam(network.parameters(), self._learning_rate(), fused=True)
        passes = self.epochs if self.final_kmeans else max(self.epochs - 1, 1)
        for epoch in range(passes):
            embedding = data.embed(network.encoder)
            centres = self._centres(embedding, seed)
            information = information_terms(soft_assignment(embedding, centres, self.tau), data.membership)
            loss_of = partial(objective.terms, network, data, centres=centres, warm=epoch < self.warmup_epochs)
            network.train()
            terms = train_pass(data.batches(self.batch_size, rng), optimiser, loss_of)
            self.log_epoch(epoch, passes, **terms, **information)
        return centres

    def _centres(self, embedding: Tensor, seed: int) -> Tensor:
        from ._deep.kmeans import unit_centres

        return unit_centres(embedding, self.n_clusters, seed=seed)

    def _read_out(self, network: AutoEncoder, data: ResidentData, centres: Tensor, seed: int) -> None:
        from ._deep.information import soft_assignment

        embedding = data.embed(network.encoder)
        if self.final_kmeans:
            centres = self._centres(embedding, seed)
        soft = soft_assignment(embedding, centres, self.tau)
        self.embedding_: NDArray[np.float32] = embedding.cpu().numpy()
        self.centres_: NDArray[np.float32] = centres.cpu().numpy()
        self.soft_labels_: NDArray[np.float32] = soft.cpu().numpy()
        self.labels_ = soft.argmax(1).cpu().numpy()
        self.sample_shape_ = tuple(data.samples.shape[1:])
        self.network_ = network.cpu()
        self.network_.decoder.separate()

    def _known_groups(self, sensitive_features: ArrayLike, n: int) -> NDArray[np.int64]:
        given, values = encode(sensitive_features, n, "sensitive_features")
        ids = {value: position for position, value in enumerate(self.groups_.tolist())}
        unknown = [value for value in values.tolist() if value not in ids]
        if unknown:
            raise InvalidInputError(
                f"group {unknown[0]!r} was not fitted; sensitive_features takes {', '.join(map(repr, ids))}"
            )
        return np.array([ids[value] for value in values.tolist()], dtype=np.int64)[given]
