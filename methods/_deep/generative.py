"""ClusterGAN's parts: latent variables with a discrete and a continuous part, generator, encoder and critic.

Mukherjee et al., "ClusterGAN: Latent Space Clustering in Generative Adversarial Networks", AAAI 2019,
doi:10.1609/aaai.v33i01.33014610. Layer sizes and initial weights are those of the official code for MNIST (images) and
for gene expression (vectors).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.nn.utils import convert_conv2d_weight_memory_format

from .networks import PixelsToRow, RowToPixels, image_size

__all__ = ["Latent", "Networks", "build_networks", "draw_latents", "encoder_errors", "latent_code"]

NOISE_SCALE = 0.1
INITIAL_SCALE = 0.02
SLOPE = 0.2
BATCH_NORM_EPSILON = 1e-3
# Widths as multiples of the first convolution's channels.
DEEPER, HIDDEN, HIDDEN_OF_VECTORS = 2, 16, 4


@dataclass(frozen=True)
class Latent:
    """Latent variables z = (z_n, z_c).

    Parameters
    ----------
    noise : Tensor of shape (..., d_n)
        Continuous part z_n.
    cluster : Tensor of shape (..., K)
        Discrete part z_c, one-hot.
    """

    noise: Tensor
    cluster: Tensor

    def __getitem__(self, position: int) -> Latent:
        return Latent(self.noise[position], self.cluster[position])

    def joined(self) -> Tensor:
        """(..., d_n + K): what the generator takes."""
        return torch.cat([self.noise, self.cluster], dim=-1)


def draw_latents(shape: Sequence[int], latent_dim: int, n_clusters: int, generator: torch.Generator) -> Latent:
    """Draw z_n ~ N(0, 0.1² I) and a uniform one-hot z_c, independent of each other.

    Parameters
    ----------
    shape : sequence of int
        Leading dimensions.
    latent_dim, n_clusters : int
        d_n and K.
    generator : torch.Generator
        Source of randomness; the result is on its device.
    """
    device = generator.device
    noise = NOISE_SCALE * torch.randn(*shape, latent_dim, generator=generator, device=device)
    cluster = torch.randint(n_clusters, tuple(shape), generator=generator, device=device)
    return Latent(noise, torch.eye(n_clusters, device=device)[cluster])


def encoder_errors(outputs: Tensor, latent: Latent) -> tuple[Tensor, Tensor]:
    """How far the encoder is from the latent variables a sample was generated from.

    Parameters
    ----------
    outputs : Tensor of shape (B, d_n + K)
        Encoder outputs on generated samples: E_n, then the logits E_c.
    latent : Latent
        z_n (B, d_n) and z_c (B, K).

    Returns
    -------
    noise_error : Tensor, scalar
        Mean of (z_n - E_n)² over samples and dimensions, as in the official code.
    cluster_error : Tensor, scalar
        Mean cross-entropy of softmax(E_c) with z_c, in nats.
    """
    dim = latent.noise.shape[-1]
    return mse_loss(outputs[:, :dim], latent.noise), cross_entropy(outputs[:, dim:], latent.cluster)


def latent_code(outputs: Tensor, latent_dim: int) -> Tensor:
    """Encoder outputs (B, d_n + K) as the code [E_n, softmax(E_c)] of the same shape."""
    return torch.cat([outputs[:, :latent_dim], torch.softmax(outputs[:, latent_dim:], dim=1)], dim=1)


@dataclass(frozen=True)
class Networks:
    """The three networks.

    Parameters
    ----------
    generator : Module
        G, (B, d_n + K) to (B, ...).
    encoder : Module
        E, (B, ...) to (B, d_n + K): E_n, then the logits E_c.
    critic : Module
        D, (B, ...) to (B, 1).
    """

    generator: nn.Module
    encoder: nn.Module
    critic: nn.Module

    def to(self, device: torch.device) -> Networks:
        """The same networks on `device`."""
        return Networks(self.generator.to(device), self.encoder.to(device), self.critic.to(device))


def build_networks(shape: Sequence[int], latent_size: int, *, channels: int, bounded: bool) -> Networks:
    """Convolutional networks for images, fully connected ones for vectors.

    Parameters
    ----------
    shape : (d,) or (channels, side, side)
        Shape of one sample.
    latent_size : int
        d_n + K.
    channels : int
        Width: channels of the first convolution. The second has 2 and the hidden layer 16 times as many; the hidden
        layers for vectors have 4 times as many. 64 in the official code.
    bounded : bool
        Whether the generator ends in a sigmoid, for samples in [0, 1], or is linear at its end.

    Returns
    -------
    Networks
        Only the generator for images has batch normalisation, and it always takes the statistics of its batch.

    Raises
    ------
    UnsupportedInputError
        For images that are not square or whose side is not divisible by 4.
    """
    if len(shape) == 1:
        networks = _for_vectors(shape[0], latent_size, HIDDEN_OF_VECTORS * channels)
    else:
        networks = _for_images(*image_size(shape), latent_size, channels)
    if bounded:
        networks = Networks(nn.Sequential(networks.generator, nn.Sigmoid()), networks.encoder, networks.critic)
    return networks


def _for_images(planes: int, side: int, latent_size: int, channels: int) -> Networks:
    networks = Networks(
        _image_generator(planes, side // 4, latent_size, channels),
        _image_reader(planes, side // 4, latent_size, channels),
        _image_reader(planes, side // 4, 1, channels),
    )
    for network in (networks.generator, networks.encoder, networks.critic):
        convert_conv2d_weight_memory_format(network, torch.channels_last)
    return networks


def _image_generator(planes: int, small: int, latent_size: int, channels: int) -> nn.Sequential:
    hidden, deep = HIDDEN * channels, DEEPER * channels
    # Biases in front of a normalisation would cancel.
    return _initialised(
        nn.Linear(latent_size, hidden, bias=False),
        _centred(nn.BatchNorm1d(hidden, BATCH_NORM_EPSILON, track_running_stats=False)),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, small * small * deep, bias=False),
        RowToPixels(deep, small),
        _centred(nn.BatchNorm2d(deep, BATCH_NORM_EPSILON, track_running_stats=False)),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(deep, channels, 4, stride=2, padding=1, bias=False),
        _centred(nn.BatchNorm2d(channels, BATCH_NORM_EPSILON, track_running_stats=False)),
        nn.ReLU(inplace=True),
        nn.ConvTranspose2d(channels, planes, 4, stride=2, padding=1),
    )


def _image_reader(planes: int, small: int, outputs: int, channels: int) -> nn.Sequential:
    hidden, deep = HIDDEN * channels, DEEPER * channels
    body = _initialised(
        nn.Conv2d(planes, channels, 4, stride=2, padding=1),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(channels, deep, 4, stride=2, padding=1),
        nn.LeakyReLU(SLOPE),
        PixelsToRow(),
        nn.Linear(small * small * deep, hidden),
        nn.LeakyReLU(SLOPE),
    )
    # The official code names no initial weights for this layer, which leaves its framework's.
    last = nn.Linear(hidden, outputs)
    nn.init.xavier_uniform_(last.weight)
    nn.init.zeros_(last.bias)
    return body.append(last)


def _for_vectors(features: int, latent_size: int, hidden: int) -> Networks:
    return Networks(
        _perceptron(latent_size, hidden, features),
        _perceptron(features, hidden, latent_size),
        _perceptron(features, hidden, 1),
    )


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return _initialised(
        nn.Linear(inputs, hidden),
        nn.LeakyReLU(SLOPE),
        nn.Linear(hidden, hidden),
        nn.LeakyReLU(SLOPE),
        nn.Linear(hidden, outputs),
    )


def _centred(normalisation: nn.BatchNorm1d | nn.BatchNorm2d) -> nn.Module:
    """Batch normalisation that learns a shift and no scale, as in the official code."""
    normalisation.weight.requires_grad_(False)
    return normalisation


def _initialised(*layers: nn.Module) -> nn.Sequential:
    """The layers in a row, weights drawn from N(0, 0.02²) and biases 0."""
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=INITIAL_SCALE)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)
