"""A network whose outputs are cluster probabilities, and the loss that makes them clusters, stable and fair.

Zhang and Davidson, "Deep Fair Discriminative Clustering", 2021, arXiv:2105.14146, on the base of IMSAT (Hu et al., ICML
2017, arXiv:1702.08720).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softmax
from torch.nn.utils import convert_conv2d_weight_memory_format

from bench.errors import UnsupportedInputError

from .information import cluster_entropy, conditional_entropy
from .networks import PairedBatchNorm, PixelsToRow
from .training import Batch, ResidentData
from .virtual_adversarial import frozen_statistics, virtual_adversarial_loss

__all__ = ["DiscriminativeLoss", "discriminative_network"]

CODE_WIDTH = 256
FC_WIDTHS = (1200, 1200)
# So near to 0 that all samples start with nearly the same probabilities.
OUTPUT_SCALE = 1e-4


def discriminative_network(shape: Sequence[int], n_clusters: int, *, channels: int = 32) -> nn.Sequential:
    """Network from samples to logits of clusters.

    For vectors IMSAT's D-1200-1200-K. For images two blocks of a 3 x 3 convolution and 2 x 2 max pooling, then 256
    units: the paper names such layers, their sizes and order are our choice. Batch normalisation and ReLU follow every
    layer but the last, after the pooling where there is one.

    Parameters
    ----------
    shape : (d,) or (channels, height, width)
        Shape of one sample.
    n_clusters : int
        K.
    channels : int
        Channels of the first convolution; the second has twice as many.

    Raises
    ------
    UnsupportedInputError
        For images that are less than 4 pixels high or wide.
    """
    if len(shape) == 1:
        widths, layers = [shape[0], *FC_WIDTHS], []
    else:
        widths = [2 * channels * _pooled_pixels(shape), CODE_WIDTH]
        layers = _convolutions((shape[0], channels, 2 * channels))
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), PairedBatchNorm(outputs), nn.ReLU(inplace=True)]
    last = nn.Linear(widths[-1], n_clusters)
    nn.init.normal_(last.weight, std=OUTPUT_SCALE)
    nn.init.zeros_(last.bias)
    network = nn.Sequential(*layers, last)
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network


@dataclass(frozen=True)
class DiscriminativeLoss:
    """The loss ℓ_C + β ℓ_Fair + γ ℓ_Aug on a batch.

    Parameters
    ----------
    alpha : float
        Weight of Σ‖θ‖² over all parameters, in ℓ_C.
    beta : float
        Weight of ℓ_Fair, the cross-entropy with fair labels. The paper prints ℓ_Fair without the minus sign of the
        cross-entropy: minimised like that it would drive samples away from their fair labels.
    gamma : float
        Weight of ℓ_Aug, virtual adversarial training. The paper prints a sum over the batch; here it is the mean, as
        in IMSAT's official code, so that the weights do not depend on the batch size.
    balance_weight : float
        Weight of H(Y) in ℓ_C = H(Y|X) - H(Y): 1 as printed, 4 in IMSAT's official code.
    xi : float
        Step ξ of the power iteration.
    """

    alpha: float
    beta: float
    gamma: float
    balance_weight: float
    xi: float

    def terms(
        self,
        network: nn.Module,
        data: ResidentData,
        batch: Batch,
        radius: Tensor,
        generator: torch.Generator,
        fair: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Loss and its parts.

        Parameters
        ----------
        network : Module
            (B, ...) to logits (B, K), in training mode.
        data : ResidentData
            Samples.
        batch : Batch
            Which of them.
        radius : Tensor of shape (n,)
            Radius of the adversarial perturbation of every sample of `data`.
        generator : torch.Generator
            On the CPU: random directions are the same on every device.
        fair : Tensor of shape (n,), int64, optional
            Fair labels of all samples; without them ℓ_Fair is left out, as in the pretraining.

        Returns
        -------
        dict of str to Tensor
            Scalars ``loss``, ``h_c_given_x``, ``h_c`` and ``augmentation``; ``fairness`` where `fair` is given.
        """
        samples = data.samples[batch.index]

        def forward(inputs: Tensor) -> Tensor:
            with data.hardware.autocast():
                logits: Tensor = network(inputs)
            return logits.float()

        logits = forward(samples)
        start = torch.randn(samples.shape, generator=generator).to(samples.device)
        with frozen_statistics(network):
            change = virtual_adversarial_loss(forward, samples, logits, radius[batch.index], start, xi=self.xi)
        certainty, balance = mutual_information_terms(logits)
        loss = certainty - self.balance_weight * balance + self.gamma * change
        terms = {"h_c_given_x": certainty, "h_c": balance, "augmentation": change}
        if fair is not None:
            terms["fairness"] = cross_entropy(logits, fair[batch.index])
            loss = loss + self.beta * terms["fairness"]
        if self.alpha > 0:
            loss = loss + self.alpha * torch.stack([weight.square().sum() for weight in network.parameters()]).sum()
        return {"loss": loss, **terms}


class PairedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation that trains on a single pixel by taking it twice, as :class:`PairedBatchNorm` does rows."""

    def forward(self, maps: Tensor) -> Tensor:
        """(B, c, h, w) to (B, c, h, w)."""
        if self.training and maps.numel() == self.num_features:
            return super().forward(maps.repeat(2, 1, 1, 1))[:1]
        return super().forward(maps)


def mutual_information_terms(logits: Tensor) -> tuple[Tensor, Tensor]:
    """H(Y|X), the mean entropy of the predictions, and H(Y), the entropy of their mean, in nats.

    I(X;Y) = H(Y) - H(Y|X). `logits` have shape (B, K).
    """
    soft = softmax(logits, dim=1)
    return conditional_entropy(soft), cluster_entropy(soft.sum(0, keepdim=True))


def _convolutions(channels: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.MaxPool2d(2)]
        layers += [PairedBatchNorm2d(outputs), nn.ReLU(inplace=True)]
    return [*layers, PixelsToRow()]


def _pooled_pixels(shape: Sequence[int]) -> int:
    _, height, width = shape
    if min(height, width) < 4:
        raise UnsupportedInputError(
            f"images are {height}x{width}; two poolings take at least 4x4: pad them, or pass them as vectors"
        )
    return (height // 4) * (width // 4)
