"""Networks whose output are label features: cluster probabilities, compared by their angle.

Layer sizes for images are those of the MNIST script of DAC's official code (Chang et al., ICCV 2017). It has no
network for vectors; that one is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import convert_conv2d_weight_memory_format

from bench.errors import UnsupportedInputError

from .networks import PairedBatchNorm, build_autoencoder

__all__ = ["LabelNetwork", "build_label_network", "identity_layer", "label_features"]

CONV_CHANNELS = (64, 128)
CONV_DEPTH = 3
VECTOR_WIDTHS = (1024, 512, 256)
# Without padding, two blocks of three convolutions and a pooling leave a pixel from this side on.
UNPADDED_SIDE = 22
SMALLEST_SIDE = 4


class LabelNetwork(nn.Module):
    """A trunk that ends in K values and a head of identity-initialised layers, which gives logits.

    Parameters
    ----------
    trunk : Module
        (B, ...) to (B, K), in the precision of the caller.
    n_clusters : int
        K.
    """

    def __init__(self, trunk: nn.Module, n_clusters: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Sequential(identity_layer(n_clusters), identity_layer(n_clusters))

    def forward(self, samples: Tensor) -> Tensor:
        """Logits z (B, K), at least 0, float32 whatever the precision of the trunk."""
        values = self.trunk(samples)
        # Thresholds near 1 would tell rounding errors of bfloat16 from label features.
        with torch.autocast(values.device.type, enabled=False):
            logits: Tensor = self.head(values.float())
        return logits


def label_features(logits: Tensor) -> Tensor:
    """Label features l = exp(z - max z), scaled to length 1: the direction of the softmax of z.

    Parameters
    ----------
    logits : Tensor of shape (B, K)
        z.

    Returns
    -------
    Tensor of shape (B, K), float32
        At least 0, rows of length 1.
    """
    return normalize(torch.softmax(logits.float(), dim=1), dim=1)


def identity_layer(width: int) -> nn.Sequential:
    """Fully connected layer that starts as the identity, batch normalisation, ReLU; (B, width) to the same."""
    linear = nn.Linear(width, width, bias=False)
    nn.init.eye_(linear.weight)
    return nn.Sequential(linear, PairedBatchNorm(width), nn.ReLU(inplace=True))


def build_label_network(shape: Sequence[int], n_clusters: int, backbone: str) -> LabelNetwork:
    """Network for samples of a shape.

    Parameters
    ----------
    shape : (d,) or (channels, height, width)
        Shape of one sample.
    n_clusters : int
        K.
    backbone : {"original", "matched"}
        ``"original"``: for images two blocks of three 3x3 convolutions, of 64 and 128 channels, each followed by max
        pooling; a 1x1 convolution to K maps; the mean of every map. Images below 22x22 are padded by one pixel in
        every 3x3 convolution, since nothing would be left of them. For vectors D-1024-512-256-K. Batch normalisation
        and ReLU throughout, weights by He et al. ``"matched"``: FCMI's encoder, with batch normalisation and ReLU
        after its K outputs.

    Returns
    -------
    LabelNetwork
        In the memory format the convolutions are fastest in.

    Raises
    ------
    UnsupportedInputError
        For images of a side below 4, or that the matched encoder does not take.
    """
    if backbone == "matched":
        encoder = build_autoencoder(shape, n_clusters).encoder
        trunk = nn.Sequential(encoder, PairedBatchNorm(n_clusters), nn.ReLU(inplace=True))
    elif len(shape) == 1:
        trunk = _vector_trunk(shape[0], n_clusters)
    else:
        channels, height, width = shape
        trunk = _image_trunk(channels, height, width, n_clusters)
    network = LabelNetwork(trunk, n_clusters)
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network


def _vector_trunk(features: int, n_clusters: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((features, *VECTOR_WIDTHS, n_clusters)):
        linear = nn.Linear(inputs, outputs, bias=False)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        layers += [linear, PairedBatchNorm(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _image_trunk(channels: int, height: int, width: int, n_clusters: int) -> nn.Sequential:
    side = min(height, width)
    if side < SMALLEST_SIDE:
        raise UnsupportedInputError(
            f"images are {height}x{width}; the convolutional network takes sides of at least {SMALLEST_SIDE} pixels: "
            "pad or resize them, or pass them as vectors"
        )
    padding = 0 if side >= UNPADDED_SIDE else 1
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((channels, *CONV_CHANNELS)):
        for depth in range(CONV_DEPTH):
            layers += _convolution(outputs if depth else inputs, outputs, 3, padding)
        layers += [nn.MaxPool2d(2), nn.BatchNorm2d(outputs)]
    layers += _convolution(CONV_CHANNELS[-1], n_clusters, 1, 0)
    # At 28x28 the mean is that of the official code's 2x2 pooling, of which one pixel is left.
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), PairedBatchNorm(n_clusters))


def _convolution(inputs: int, outputs: int, kernel: int, padding: int) -> list[nn.Module]:
    # The batch normalisation that follows cancels any bias.
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
