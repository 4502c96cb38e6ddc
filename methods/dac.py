"""DAC: a network that sorts pairs of samples by labels which it sets itself, the surest pairs first."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import Method
from bench.errors import InvalidInputError
from bench.metadata import MethodInfo

from ._deep.parameters import check_at_least, check_choice, check_positive, seeds

if TYPE_CHECKING:
    from torch import Tensor

    from ._deep.label_features import LabelNetwork
    from ._deep.training import Batch, ResidentData

__all__ = ["DAC"]

DIVERGED = "the label features became NaN: training diverged; lower learning_rate, or scale X to [-1, 1]"


class DAC(Method):
    """Deep adaptive image clustering.

    The cluster probabilities of a sample, scaled to length 1, are its label features. The cosine of those of two
    samples says how likely they share a cluster. In every batch the network, with its current weights, labels the
    pairs it is sure about: same above the threshold u(λ), different below l(λ). It then learns these labels by binary
    cross-entropy. After every pass over the data λ grows and the thresholds approach each other, so that more pairs
    take part; training ends when they meet.

    The labels of the pairs come from the samples as they are, the loss from random copies of them: images rotated by
    up to 10°, shifted by up to 10 %, zoomed by up to 5 % and brightened by up to 5 % of the range of values; vectors
    with Gaussian noise of a tenth of the features' standard deviations and a tenth of their features set to the mean.

    The network is named by `backbone`:

    * ``"original"``: for images that of the official MNIST script, which takes any size of at least 4x4: its last
      pooling covers the whole map, and below 22x22 its 3x3 convolutions are padded. For vectors D-1024-512-256-K.
    * ``"matched"``: FCMI's encoder, which the other deep methods share; about a twentieth of the arithmetic for
      images.

    Both end in two fully connected layers that start as the identity. DAC may use fewer clusters than it was given.

    What is not fixed by public code: the official one holds a variant that labels all pairs by one threshold (MNIST),
    and one with two thresholds that both move (CIFAR-10); thresholds, step and average of the loss are those of the
    published TensorFlow port, the random copies those of the official code. Labels are read out with the batch
    normalisation's statistics of all samples at the final weights, where both codes take those of whatever batch a
    sample is in. The partial batch that ends a pass is left out of training; labels cover all samples.

    Parameters
    ----------
    n_clusters : int
        Number of clusters K.
    backbone : {"original", "matched"}
        Network.
    eta : float
        Step size η of λ, which grows by 1.1 η an epoch: 46 epochs with the default, 5 with 0.09.
    upper, lower : float
        Thresholds to start from, 0 <= `lower` < `upper` <= 1: u(λ) = `upper` - λ and l(λ) = `lower` + 0.1 λ. The
        defaults were set for ten clusters. A sure and an undecided sample have similarity 1/√K, which is above the
        lower threshold for K <= 4: few pairs count as different then, and training can end with all samples alike.
    augment : bool
        Whether the loss is taken on random copies; without, on the samples themselves, as in the TensorFlow port.
    batch_size : int
        Samples a step, at least 2.
    learning_rate : float
        Of RMSprop.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
    precision : {"auto", "float32", "bfloat16"}
        Arithmetic of the network but for its last two layers; ``"auto"`` takes bfloat16 where the device has
        instructions for it.
    random_state : int, optional
        Seed of weights, order of samples and random copies.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Cluster of the largest probability.
    soft_labels_ : ndarray of shape (n, K), float32
        Cluster probabilities.
    embedding_ : ndarray of shape (n, K), float32
        Label features l_i, of length 1.
    history_ : list of dict
        A row an epoch: ``loss``; ``same`` and ``different``, the shares of all pairs that were selected, means over
        the batches; ``upper`` and ``lower``, the thresholds. With ``same`` near 1 all samples have become alike. The
        last row has ``used_clusters``, the number of clusters with a sample, too.
    precision_ : str
        Arithmetic that was used.

    References
    ----------
    Chang, Wang, Meng, Xiang and Pan, "Deep Adaptive Image Clustering", ICCV 2017, pp. 5879-5887,
    doi:10.1109/ICCV.2017.626.
    """

    info = MethodInfo(
        name="dac",
        title="DAC",
        reference="Chang, Wang, Meng, Xiang and Pan, Deep Adaptive Image Clustering, ICCV 2017",
        doi="10.1109/ICCV.2017.626",
        family="deep",
        inputs=("vector", "image"),
        published_as="DAC",
        notes=(
            "DAC: the code for selected pairs on MNIST is not public; thresholds are those of a published TensorFlow "
            "port, random copies those of the official code of its variants. Network, copies and thresholds for "
            "vectors are our choice; the settings of the published row are unknown.",
            "DAC may use fewer clusters than it was given; with four or fewer, these thresholds tend to make all "
            "samples alike, and labels then rest on small differences.",
        ),
        requires=("torch",),
        quick={"backbone": "matched", "eta": 0.15, "batch_size": 64},
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        backbone: str = "original",
        eta: float = 0.009,
        upper: float = 0.95,
        lower: float = 0.455,
        augment: bool = True,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        device: str = "auto",
        precision: str = "auto",
        random_state: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.backbone = backbone
        self.eta = eta
        self.upper = upper
        self.lower = lower
        self.augment = augment
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Train and cluster; the sensitive attribute is not used. See :meth:`Method.fit`.

        Raises
        ------
        InvalidInputError
            For parameters out of range, for a single sample, or if training diverges.
        UnsupportedInputError
            For images that are too small, or that the matched network does not take.
        """
        samples, _ = self.check_input(X, sensitive_features)
        self._check_parameters()
        if len(samples) < 2:
            raise InvalidInputError("1 sample given; DAC learns from pairs and takes at least 2")
        weights, order, copies = seeds(self.random_state, 3)

        from ._deep.augmentation import augmentation_for
        from ._deep.hardware import Hardware, seeded_weights
        from ._deep.label_features import build_label_network
        from ._deep.training import ResidentData

        hardware = Hardware.choose(self.device, self.precision)
        self.precision_ = hardware.precision
        with seeded_weights(weights):
            network = build_label_network(samples.shape[1:], self.n_clusters, self.backbone)
        network.to(hardware.device)
        data = ResidentData.ungrouped(samples, hardware)
        copy = augmentation_for(data.samples, copies) if self.augment else None
        self._train(network, data, copy, np.random.default_rng(order))
        return self

    def _check_parameters(self) -> None:
        check_choice("backbone", self.backbone, ("original", "matched"))
        check_positive(eta=self.eta, learning_rate=self.learning_rate)
        check_at_least(2, batch_size=self.batch_size)
        if not isinstance(self.augment, bool):
            raise InvalidInputError(f"augment={self.augment!r} given; it takes True or False")
        _check_thresholds(self.upper, self.lower)

    def _train(
        self,
        network: LabelNetwork,
        data: ResidentData,
        copy: Callable[[Tensor], Tensor] | None,
        rng: np.random.Generator,
    ) -> None:
        from torch.optim import RMSprop

        from ._deep.pairs import MovingThresholds
        from ._deep.training import train_pass

        optimiser = RMSprop(network.parameters(), self.learning_rate, alpha=0.9)
        schedule = MovingThresholds(self.upper, self.lower, self.eta)
        network.train()
        for epoch in range(schedule.epochs):
            thresholds = schedule.at(epoch)
            terms_of = partial(_pair_terms, network, data, copy, thresholds)
            row = train_pass(data.batches(self.batch_size, rng), optimiser, terms_of)
            if not math.isfinite(row["loss"]):
                raise InvalidInputError(DIVERGED)
            row |= {"upper": thresholds[0], "lower": thresholds[1]}
            if epoch == schedule.epochs - 1:
                self._read_out(network, data, rng)
                row["used_clusters"] = len(np.unique(self.labels_))
            self.log_epoch(epoch, schedule.epochs, **row)

    def _read_out(self, network: LabelNetwork, data: ResidentData, rng: np.random.Generator) -> None:
        import torch
        from torch.optim.swa_utils import update_bn

        from ._deep.label_features import label_features

        # The running statistics lag behind the weights, and mix samples with their random copies.
        with data.hardware.autocast():
            update_bn((data.samples[batch.index] for batch in data.batches(self.batch_size, rng)), network)
        logits = data.embed(network)
        if not torch.isfinite(logits).all():
            raise InvalidInputError(DIVERGED)
        soft = torch.softmax(logits, dim=1)
        self.embedding_: NDArray[np.float32] = label_features(logits).cpu().numpy()
        self.soft_labels_: NDArray[np.float32] = soft.cpu().numpy()
        self.labels_ = soft.argmax(1).cpu().numpy()


def _pair_terms(
    network: LabelNetwork,
    data: ResidentData,
    copy: Callable[[Tensor], Tensor] | None,
    thresholds: tuple[float, float],
    batch: Batch,
) -> dict[str, Tensor]:
    """Loss on the pairs of a batch, labelled by the samples themselves with the current weights."""
    import torch

    from ._deep.label_features import label_features
    from ._deep.pairs import pair_loss, select_pairs, similarity

    def similarities_of(samples: Tensor) -> Tensor:
        with data.hardware.autocast():
            logits = network(samples)
        return similarity(label_features(logits))

    samples = data.samples[batch.index]
    if copy is None:
        learnt = similarities_of(samples)
        pairs = select_pairs(learnt.detach(), *thresholds)
    else:
        with torch.no_grad():
            pairs = select_pairs(similarities_of(samples), *thresholds)
        learnt = similarities_of(copy(samples))
    shares = {"same": pairs.same.float().mean(), "different": pairs.different.float().mean()}
    return {"loss": pair_loss(learnt, pairs), **shares}


def _check_thresholds(upper: object, lower: object) -> None:
    for name, value in (("upper", upper), ("lower", lower)):
        if isinstance(value, bool) or not isinstance(value, Real):
            raise InvalidInputError(f"{name}={value!r} given; it takes a number between 0 and 1")
    if not (isinstance(upper, Real) and isinstance(lower, Real) and 0 <= float(lower) < float(upper) <= 1):
        raise InvalidInputError(f"upper={upper!r} and lower={lower!r} given; they take 0 <= lower < upper <= 1")
