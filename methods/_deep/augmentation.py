"""Random copies of samples that keep their cluster: moved images, noisy vectors. Drawn on the device of the samples.

Ranges for images are those of DAC's official code (Chang et al., ICCV 2017). Its factor of 0.975 on the copies is left
out: the batch normalisation after the first convolution cancels it. The copies of vectors are our choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

__all__ = ["ImageAugmentation", "VectorAugmentation", "augmentation_for"]

ROTATION = 10.0
SHIFT = 0.1
ZOOM = 0.05
BRIGHTNESS = 0.05
NOISE = 0.1
DROPOUT = 0.1


class ImageAugmentation:
    """Rotate, shift, zoom and brighten every image of a batch by its own random amounts.

    Pixels between pixels are interpolated; pixels beyond the border repeat it. Values stay within those of the image.

    Parameters
    ----------
    value_range : float
        Largest minus smallest value of all images.
    generator : torch.Generator
        On the device of the images.
    rotation : float
        Degrees: angles are uniform in ± `rotation`.
    shift : float
        Shifts along height and width are uniform in ± this share of them.
    zoom : float
        Height and width are scaled by factors uniform in 1 ± `zoom`.
    brightness : float
        Every channel is raised by a constant uniform in ± this share of `value_range`.
    """

    def __init__(
        self,
        value_range: float,
        generator: torch.Generator,
        *,
        rotation: float = ROTATION,
        shift: float = SHIFT,
        zoom: float = ZOOM,
        brightness: float = BRIGHTNESS,
    ) -> None:
        self.generator = generator
        self.rotation = math.radians(rotation)
        self.shift = shift
        self.zoom = zoom
        self.brightness = brightness * value_range

    def __call__(self, images: Tensor) -> Tensor:
        """New images (B, channels, height, width), channels-last; `images` are left as they are."""
        grid = affine_grid(self._transforms(images), list(images.shape), align_corners=False)
        moved = grid_sample(images, grid, padding_mode="border", align_corners=False)
        offset = self._uniform(self.brightness, *images.shape[:2])[:, :, None, None]
        smallest, largest = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
        return (moved + offset).clamp(smallest, largest).contiguous(memory_format=torch.channels_last)

    def _transforms(self, images: Tensor) -> Tensor:
        """Matrices (B, 2, 3) from output to input coordinates, which run from -1 to 1 along width and height."""
        angle = self._uniform(self.rotation, len(images))
        # Half the width is the unit of the first coordinate and half the height that of the second.
        ratio = images.shape[2] / images.shape[3]
        rotations = torch.stack(
            [torch.cos(angle), -torch.sin(angle) * ratio, torch.sin(angle) / ratio, torch.cos(angle)], dim=1
        ).view(-1, 2, 2)
        factors = 1 + self._uniform(self.zoom, len(images), 1, 2)
        shifts = 2 * self._uniform(self.shift, len(images), 2, 1)
        return torch.cat([rotations * factors, shifts], dim=2)

    def _uniform(self, bound: float, *size: int) -> Tensor:
        return bound * (2 * torch.rand(size, generator=self.generator, device=self.generator.device) - 1)


class VectorAugmentation:
    """Add noise to every feature, then set some of them to their mean.

    The mean says as little of a sample as a value can; 0 may lie far from all data.

    Parameters
    ----------
    mean, deviation : Tensor of shape (d,)
        Mean and standard deviation of every feature over all samples.
    generator : torch.Generator
        On the device of the samples.
    noise : float
        Standard deviation of the Gaussian noise, in those of the feature.
    dropout : float
        Probability of a feature to be set to its mean.
    """

    def __init__(
        self,
        mean: Tensor,
        deviation: Tensor,
        generator: torch.Generator,
        *,
        noise: float = NOISE,
        dropout: float = DROPOUT,
    ) -> None:
        self.mean = mean
        self.generator = generator
        self.scale = noise * deviation
        self.dropout = dropout

    def __call__(self, vectors: Tensor) -> Tensor:
        """New vectors (B, d); `vectors` are left as they are."""
        size, place = vectors.shape, self.generator.device
        noisy = vectors + self.scale * torch.randn(size, generator=self.generator, device=place)
        dropped = torch.rand(size, generator=self.generator, device=place) < self.dropout
        return torch.where(dropped, self.mean, noisy)


def augmentation_for(samples: Tensor, seed: int) -> Callable[[Tensor], Tensor]:
    """The augmentation for such samples.

    Parameters
    ----------
    samples : Tensor of shape (n, d) or (n, channels, height, width)
        All samples.
    seed : int
        Decides all copies.

    Returns
    -------
    callable
        Maps a batch to a new batch of the same shape.
    """
    generator = torch.Generator(samples.device).manual_seed(seed)
    if samples.ndim == 4:
        return ImageAugmentation((samples.max() - samples.min()).item(), generator)
    return VectorAugmentation(samples.mean(0), samples.std(0, correction=0), generator)
