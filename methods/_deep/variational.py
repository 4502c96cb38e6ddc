"""Variational auto-encoders of the DFC family: convolutional for images, fully connected for vectors.

Layer sizes of the image encoder are those of the official code (Li, Zhao and Liu, "Deep Fair Clustering for Visual
Learning", CVPR 2020), which has no decoder. Decoders and the encoder of vectors are our choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from .networks import PairedBatchNorm, PixelsToRow, RowToPixels

__all__ = ["GaussianEncoder", "VariationalAutoEncoder", "as_network_input", "build_variational"]

CHANNELS = (16, 32, 32, 16)
STRIDES = (1, 2, 1, 2)
CODE_WIDTH = 512
# About a tenth of the encoder's parameters, as in the report of Teule et al., which gives no layers.
DECODER_CHANNELS = (8, 32, 32)
DECODER_STRIDES = (2, 1, 2)
VECTOR_WIDTHS = (1024, 1024, 512)
# Images are padded to a multiple of this: 28 becomes the official code's 32, and 8 stays.
SIDE_MULTIPLE = 8


class GaussianEncoder(nn.Module):
    """A normal distribution over the latent space for every sample.

    Parameters
    ----------
    trunk : Module
        (B, ...) to (B, w).
    width, latent_dim : int
        w, and the size d of the latent space.
    """

    def __init__(self, trunk: nn.Module, width: int, latent_dim: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.mean = nn.Linear(width, latent_dim)
        self.log_variance = nn.Linear(width, latent_dim)

    def forward(self, samples: Tensor) -> Tensor:
        """Mean (B, d): the embedding of a sample outside of training."""
        mean: Tensor = self.mean(self.trunk(samples))
        return mean

    def moments(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance, both (B, d), float32."""
        code = self.trunk(samples)
        return self.mean(code).float(), self.log_variance(code).float()


class VariationalAutoEncoder(nn.Module):
    """A Gaussian encoder and a decoder.

    Parameters
    ----------
    encoder : GaussianEncoder
        (B, ...) to mean and log-variance (B, d).
    decoder : Module
        (B, d) to (B, ...): logits of pixels, or values of a vector.
    """

    def __init__(self, encoder: GaussianEncoder, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder


def as_network_input(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Samples as the networks here take them.

    Images go from [-1, 1] to [0, 1], and are padded to squares whose side is a multiple of 8. The padding repeats the
    border: black around white digits and white around black ones, so that no group gets a frame.

    Parameters
    ----------
    samples : ndarray of shape (n, d) or (n, channels, height, width), float32
        Samples. Vectors are returned as they are.

    Returns
    -------
    ndarray, float32
    """
    if samples.ndim == 2:
        return samples
    side = -(-max(samples.shape[2:]) // SIDE_MULTIPLE) * SIDE_MULTIPLE
    margins = [(0, 0), (0, 0), *(((side - given) // 2, (side - given + 1) // 2) for given in samples.shape[2:])]
    unit: NDArray[np.float32] = np.pad((samples + 1) / 2, margins, mode="edge").astype(np.float32, copy=False)
    return unit


def build_variational(shape: Sequence[int], latent_dim: int) -> VariationalAutoEncoder:
    """The network for samples of a shape, with the initial weights of the official code.

    Parameters
    ----------
    shape : (d,) or (channels, side, side)
        Shape of one sample, as :func:`as_network_input` returns it.
    latent_dim : int
        Size of the latent space.

    Returns
    -------
    VariationalAutoEncoder
        In the memory format the convolutions are fastest in.
    """
    encoder, decoder = _fully_connected(shape[0], latent_dim) if len(shape) == 1 else _convolutional(shape, latent_dim)
    network = VariationalAutoEncoder(encoder, decoder)
    network.apply(_initialise)
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    return network


def _convolutional(shape: Sequence[int], latent_dim: int) -> tuple[GaussianEncoder, nn.Module]:
    channels, side, _ = shape
    small = side // 4
    code = CHANNELS[-1] * small * small
    down: list[nn.Module] = []
    for (inputs, outputs), stride in zip(pairwise((channels, *CHANNELS)), STRIDES, strict=True):
        convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        down += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    start, planes = DECODER_CHANNELS[0], (*DECODER_CHANNELS, channels)
    up: list[nn.Module] = []
    for (inputs, outputs), stride in zip(pairwise(planes), DECODER_STRIDES, strict=True):
        transposed = nn.ConvTranspose2d(inputs, outputs, 3, stride, padding=1, output_padding=stride - 1)
        up += [transposed, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    encoder = GaussianEncoder(nn.Sequential(*down, PixelsToRow(), *_dense((code, CODE_WIDTH))), CODE_WIDTH, latent_dim)
    # Logits are neither normalised nor cut off at 0.
    return encoder, nn.Sequential(*_dense((latent_dim, start * small * small)), RowToPixels(start, small), *up[:-2])


def _fully_connected(features: int, latent_dim: int) -> tuple[GaussianEncoder, nn.Module]:
    trunk = nn.Sequential(*_dense((features, *VECTOR_WIDTHS)))
    encoder = GaussianEncoder(trunk, VECTOR_WIDTHS[-1], latent_dim)
    output = nn.Linear(VECTOR_WIDTHS[0], features)
    return encoder, nn.Sequential(*_dense((latent_dim, *VECTOR_WIDTHS[::-1])), output)


def _dense(widths: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), PairedBatchNorm(outputs), nn.ReLU(inplace=True)]
    return layers


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_uniform_(module.weight)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)
        nn.init.constant_(module.bias, 0.1)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
