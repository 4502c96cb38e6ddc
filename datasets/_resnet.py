"""Features from photographs: ResNet-50 without its last layer, as in FCMI's code.

FCMI prepares the images with means and standard deviations of its own data sets, not ImageNet's: every data set
brings its :class:`PixelScale`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError, InvalidInputError

from ._features import WIDTH

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Network", "PixelScale", "cropped", "extract", "imagenet_resnet50"]

SHORT_SIDE = 256
CROP = 224
_BATCH = 32


@dataclass(frozen=True)
class PixelScale:
    """Mean and standard deviation of the red, green and blue channel, for values in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def in_words(self) -> str:
        """How images are prepared, for the features file."""
        return f"RGB, shorter side {SHORT_SIDE} (bilinear), centre {CROP}, mean {self.mean}, std {self.std}"


@dataclass(frozen=True)
class Network:
    """A network that turns images into features.

    Parameters
    ----------
    weights : str
        The network and its weights in words; part of the footnote of every table.
    pooled : callable
        Takes images (b, 3, 224, 224), float32, and returns features (b, 2048).
    """

    weights: str
    pooled: Callable[[NDArray[np.float32]], NDArray[np.float32]]


def imagenet_resnet50() -> Network:
    """Torchvision's ResNet-50 with the weights that FCMI uses, in evaluation mode.

    Raises
    ------
    BenchError
        If torchvision is not installed, or the weights cannot be fetched, or are no weights.
    """
    try:
        import torch

        models: Any = import_module("torchvision.models")
    # RuntimeError where torchvision was built for another torch.
    except (ImportError, RuntimeError) as error:
        raise BenchError(
            f"features are made with torchvision, which cannot be imported ({error}); "
            "install it with: pip install 'fair-clustering-bench[vision]'"
        ) from None
    try:
        # Not `resnet50(weights=...)`, which would run whatever code the file in torch's cache holds.
        url = models.ResNet50_Weights.IMAGENET1K_V1.url
        weights = torch.hub.load_state_dict_from_url(url, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, UnpicklingError) as error:
        raise BenchError(
            f"torchvision could not fetch the weights of ResNet-50 ({str(error).splitlines()[0]}); "
            "try again with a network, or put resnet50-0676ba61.pth into torch's cache"
        ) from None
    network = models.resnet50()
    network.load_state_dict(weights)
    network.fc = torch.nn.Identity()
    network.eval()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device)

    def pooled(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            features: NDArray[np.float32] = network(torch.from_numpy(images).to(device)).cpu().numpy()
        return features

    return Network("torchvision ResNet-50, ResNet50_Weights.IMAGENET1K_V1 (resnet50-0676ba61.pth)", pooled)


def extract(paths: Sequence[Path], network: Network, scale: PixelScale) -> NDArray[np.float32]:
    """Features of images.

    Parameters
    ----------
    paths : sequence of Path
        Image files.
    network : Network
        What makes the features.
    scale : PixelScale
        Normalisation of the channels.

    Returns
    -------
    ndarray of shape (n, 2048), float32
        In the order of `paths`.

    Raises
    ------
    InvalidInputError
        If a file is no image.
    BenchError
        If the network returns anything but 2048 features for an image.
    """
    X = np.empty((len(paths), WIDTH), dtype=np.float32)
    mean, std = (np.array(values, dtype=np.float32)[:, None, None] for values in (scale.mean, scale.std))
    for start in range(0, len(paths), _BATCH):
        batch = paths[start : start + _BATCH]
        pixels = np.stack([_pixels(path) for path in batch]).astype(np.float32) / np.float32(255)
        features = network.pooled((pixels - mean) / std)
        if features.shape != (len(batch), WIDTH):
            raise BenchError(f"{network.weights} gave features of shape {features.shape} for {len(batch)} images")
        X[start : start + len(batch)] = features
    return X


def cropped(image: Image) -> Image:
    """Shorter side resized to 256 pixels (bilinear), then the central 224 x 224, as torchvision does it."""
    from PIL import Image

    short = min(image.size)
    width, height = (SHORT_SIDE if side == short else int(SHORT_SIDE * side / short) for side in image.size)
    left, top = round((width - CROP) / 2), round((height - CROP) / 2)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return resized.crop((left, top, left + CROP, top + CROP))


def _pixels(path: Path) -> NDArray[np.uint8]:
    """The crop as (3, 224, 224), uint8."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            crop = cropped(image.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidInputError(f"{path} is no image ({error}); unpack the archive again") from None
    return np.asarray(crop).transpose(2, 0, 1)
