"""ClusterGAN: a generative adversarial network whose latent space has clusters, and an encoder back into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import Method
from bench.metadata import MethodInfo

from ._deep.parameters import check_at_least, check_choice, check_not_negative, check_positive, seeds

if TYPE_CHECKING:
    from torch import Tensor

    from ._deep.generative import Networks
    from ._deep.training import ResidentData

__all__ = ["ClusterGAN"]

# Steps of generator and encoder, for images and for vectors.
BUDGETS = {"short": (20_000, 20_000), "paper": (500_000, 100_000)}
HISTORY_ROWS = 100


class ClusterGAN(Method):
    """Clusters in the latent space of a generative adversarial network.

    A generator G makes samples from z = (z_n, z_c), Gaussian noise and a one-hot cluster. A critic D tells them from
    real ones, as a Wasserstein GAN with gradient penalty; an encoder E finds z from G(z). `n_critic` steps on

        L_D = E D(x) - E D(G(z)) + λ E (‖∇D(x̂)‖ - 1)²

    are followed by one step of G and E together on

        L_GE = E D(G(z)) + β_n E (z_n - E_n(G(z)))² + β_c CE(z_c, E_c(G(z))).

    Clusters are those of k-means on the codes [E_n(x), softmax(E_c(x))] of the real samples, or on softmax(E_c(x))
    alone where β_n is 0.

    Real samples have to lie in the generator's range, which their values decide. In [0, 1] they are taken as they are,
    and the generator ends in a sigmoid. Images in [-1, 1] are mapped to [0, 1] by (x + 1) / 2 for the same generator.
    All others, vectors in [-1, 1] among them, are taken as they are, for a generator with linear output.

    Differences from the official code: every sample of a batch has an ε of its own in the gradient penalty, as in the
    WGAN-GP paper (there, a batch shares one); samples are drawn with replacement; k-means follows `random_state`
    (there, 0); vectors of any kind have the networks of its gene expression data, without batch normalisation, so that
    a sample's code does not depend on its batch. The convolutions take any square image with a side divisible by 4. As
    there, no weight decay is applied (2.5e-5 is declared for the layers, and never added to a loss), and the error of
    z_n is a mean over its dimensions. The published figures are those of the best of five runs by purity on labelled
    validation data; nothing is picked by labels here.

    Parameters
    ----------
    n_clusters : int
        Number of clusters K.
    budget : {"short", "paper"}
        Steps of generator and encoder: 20,000, meant for some minutes on a GPU, or those of the official code, 500,000
        for images and 100,000 for vectors, which take hours. A CPU needs `steps` and `channels` smaller still.
    steps : int, optional
        Overrides `budget`.
    n_critic : int
        Steps of the critic before each of them.
    batch_size : int
        Samples a step, at least 2.
    latent_dim : int
        Size d_n of z_n. The official code takes 30 for MNIST and genes, 40 for Fashion-MNIST, 5 for pen strokes.
    beta_n, beta_c : float
        Weights β_n and β_c, at least 0; 10 and 10 in the official code, 0 and 10 for Fashion-MNIST.
    gradient_penalty : float
        Weight λ, at least 0.
    learning_rate : float
        Of Adam with β = (0.5, 0.9).
    channels : int
        Width of the networks: channels of the first convolution, the others in proportion; hidden layers for vectors
        have 4 times as many units. 64 in the official code.
    n_init : int
        Restarts of k-means.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    precision : {"auto", "float32", "bfloat16"}
        Arithmetic of the networks. With batches this small bfloat16 gains little, and the penalty, a derivative of a
        derivative, loses digits; hence float32 by default.
    random_state : int, optional
        Seed of weights, batches, latent variables and restarts.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Clusters of k-means on the codes.
    argmax_labels_ : ndarray of shape (n,), int64
        Cluster of the largest entry of softmax(E_c): a second, cheaper answer, with numbers of its own.
    soft_labels_ : ndarray of shape (n, K), float32
        softmax(E_c), which `argmax_labels_` and not `labels_` is the largest entry of.
    embedding_ : ndarray of shape (n, d_n + K) or (n, K), float32
        Codes that k-means clustered.
    n_iter_ : int
        Steps of generator and encoder that were made.
    history_ : list of dict
        At most 100 rows of training, each with the mean since the row before: ``step``, steps made by then, ``loss``
        (L_GE), ``noise_error`` and ``cluster_error``, its second and third term without their weights,
        ``wasserstein``, E D(G(z)) - E D(x), and ``penalty`` without λ. The last row tells ``used_clusters`` and
        ``argmax_clusters``, the number of clusters in `labels_` and in `argmax_labels_`.
    precision_ : str
        Arithmetic that was used.

    References
    ----------
    Mukherjee, Asnani, Lin and Kannan, "ClusterGAN: Latent Space Clustering in Generative Adversarial Networks",
    AAAI 2019, pp. 4610-4617, doi:10.1609/aaai.v33i01.33014610.
    """

    info = MethodInfo(
        name="clustergan",
        title="ClusterGAN",
        reference="Mukherjee, Asnani, Lin and Kannan, ClusterGAN: Latent Space Clustering in Generative Adversarial "
        "Networks, AAAI 2019",
        doi="10.1609/aaai.v33i01.33014610",
        family="deep",
        inputs=("vector", "image"),
        published_as="ClGAN",
        notes=(
            "ClusterGAN trains for 20,000 steps by default, 25 times fewer than its paper for images and 5 times fewer "
            "for vectors; the settings behind the published row are not public.",
        ),
        requires=("torch",),
        quick={"steps": 4, "n_critic": 2, "batch_size": 16, "channels": 8},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        budget: str = "short",
        steps: int | None = None,
        n_critic: int = 5,
        batch_size: int = 64,
        latent_dim: int = 30,
        beta_n: float = 10.0,
        beta_c: float = 10.0,
        gradient_penalty: float = 10.0,
        learning_rate: float = 1e-4,
        channels: int = 64,
        n_init: int = 10,
        device: str = "auto",
        precision: str = "float32",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.budget = budget
        self.steps = steps
        self.n_critic = n_critic
        self.batch_size = batch_size
        self.latent_dim = latent_dim
        self.beta_n = beta_n
        self.beta_c = beta_c
        self.gradient_penalty = gradient_penalty
        self.learning_rate = learning_rate
        self.channels = channels
        self.n_init = n_init
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
            For images that are not square with a side divisible by 4.
        """
        samples, _ = self.check_input(X, sensitive_features)
        self._check_parameters()
        weights, draws, restarts = seeds(self.random_state, 3)

        from ._deep.hardware import Hardware
        from ._deep.training import ResidentData

        hardware = Hardware.choose(self.device, self.precision)
        self.precision_ = hardware.precision
        samples, bounded = _in_generator_range(samples)
        networks = self._networks(samples[0].shape, bounded, weights).to(hardware.device)
        data = ResidentData.ungrouped(samples, hardware)
        self.n_iter_ = BUDGETS[self.budget][samples.ndim == 2] if self.steps is None else int(self.steps)
        rows = min(HISTORY_ROWS, self.n_iter_)
        self._train(networks, data, draws, rows)
        self._read_out(data.embed(networks.encoder), restarts)
        used, argmax = (len(np.unique(labels)) for labels in (self.labels_, self.argmax_labels_))
        self.log_epoch(rows, rows + 1, used_clusters=used, argmax_clusters=argmax)
        return self

    def _check_parameters(self) -> None:
        check_choice("budget", self.budget, BUDGETS)
        check_at_least(1, n_critic=self.n_critic, latent_dim=self.latent_dim, channels=self.channels)
        # Batch normalisation has no statistics of a single sample.
        check_at_least(2, batch_size=self.batch_size)
        check_at_least(1, n_init=self.n_init, **({} if self.steps is None else {"steps": self.steps}))
        check_positive(learning_rate=self.learning_rate)
        check_not_negative(beta_n=self.beta_n, beta_c=self.beta_c, gradient_penalty=self.gradient_penalty)

    def _networks(self, shape: tuple[int, ...], bounded: bool, seed: int) -> Networks:
        from ._deep.generative import build_networks
        from ._deep.hardware import seeded_weights

        with seeded_weights(seed):
            return build_networks(shape, self.latent_dim + self.n_clusters, channels=self.channels, bounded=bounded)

    def _train(self, networks: Networks, data: ResidentData, seed: int, rows: int) -> None:
        import torch

        from ._deep.clustergan_training import Adversaries, Weights, draw_steps, train

        generator = torch.Generator(data.hardware.device).manual_seed(seed)
        batch, latent = (self.n_critic, self.batch_size), (self.latent_dim, self.n_clusters)
        weights = Weights(self.beta_n, self.beta_c, self.gradient_penalty)
        adversaries = Adversaries(networks, data, weights, self.learning_rate)
        draws = draw_steps(len(data.samples), batch, latent, generator)

        def log(row: int, **values: float) -> None:
            self.log_epoch(row, rows + 1, **values)

        train(adversaries, draws, steps=self.n_iter_, rows=rows, log=log)

    def _read_out(self, outputs: Tensor, seed: int) -> None:
        from ._deep.centres import fit_kmeans
        from ._deep.generative import latent_code

        code: NDArray[np.float32] = latent_code(outputs, self.latent_dim).cpu().numpy()
        soft = code[:, self.latent_dim :]
        embedding = code if self.beta_n > 0 else soft
        self.labels_ = fit_kmeans(embedding, self.n_clusters, n_init=self.n_init, seed=seed).labels_.astype(np.int64)
        self.argmax_labels_: NDArray[np.int64] = soft.argmax(1)
        self.soft_labels_: NDArray[np.float32] = soft.copy()
        self.embedding_: NDArray[np.float32] = embedding.copy()


def _in_generator_range(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], bool]:
    """Samples as the generator has to make them, and whether it ends in a sigmoid."""
    lowest, highest = samples.min(), samples.max()
    if lowest >= 0 and highest <= 1:
        return samples, True
    if samples.ndim == 4 and np.abs([lowest, highest]).max() <= 1:
        return (samples + np.float32(1)) / np.float32(2), True
    return samples, False
