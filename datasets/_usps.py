"""USPS training images of 16 x 16 pixels, in the forms in which they are offered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ._files import damaged, decompressed, number_table, read_arrays

__all__ = ["grey_levels", "read_esl", "read_libsvm", "read_served", "smoothed"]

SIDE = 16
_PIXELS = SIDE * SIDE
_MAX_BYTES = 2**27

Images = NDArray[np.uint8]
Digits = NDArray[np.int64]


def read_libsvm(path: Path) -> tuple[NDArray[np.float32], Digits]:
    """Read LIBSVM's text: a label 1 to 10, then ``1:value`` to ``256:value``.

    Parameters
    ----------
    path : Path
        ``usps.bz2``.

    Returns
    -------
    values : ndarray of shape (n, 16, 16), float32
        Brightness in [-1, 1]; -1 is background.
    digits : ndarray of shape (n,), int64
        Digit of every image: the label minus one.

    Raises
    ------
    MissingDataError
        If it is not such a file.
    """
    text = decompressed(path, _MAX_BYTES).replace(b":", b" ")
    table = number_table(path, text, 1 + 2 * _PIXELS)
    if not (table[:, 1::2] == np.arange(1, _PIXELS + 1)).all():
        raise damaged(path, "its features are not numbered 1 to 256")
    return _brightness(path, table[:, 2::2]), _digits(path, table[:, 0] - 1)


def read_esl(path: Path) -> tuple[NDArray[np.float32], Digits]:
    """Read the text of "The Elements of Statistical Learning": a digit, then 256 values.

    Parameters
    ----------
    path : Path
        ``zip.train.gz``.

    Returns
    -------
    values : ndarray of shape (n, 16, 16), float32
        Brightness in [-1, 1]; -1 is background.
    digits : ndarray of shape (n,), int64
        Digit of every image.

    Raises
    ------
    MissingDataError
        If it is not such a file.
    """
    table = number_table(path, decompressed(path, _MAX_BYTES), 1 + _PIXELS)
    return _brightness(path, table[:, 1:]), _digits(path, table[:, 0])


def read_served(path: Path) -> tuple[Images, Digits]:
    """Read an archive with the images as torchvision serves them.

    Parameters
    ----------
    path : Path
        Archive with ``train_images`` (n, 16, 16) and ``train_labels`` (n,), both uint8.

    Returns
    -------
    images : ndarray of shape (n, 16, 16), uint8
        Grey levels; 0 is background.
    digits : ndarray of shape (n,), int64
        Digit of every image.

    Raises
    ------
    MissingDataError
        If it is not such a file.
    """
    arrays = read_arrays(path, ("train_images", "train_labels"))
    images, labels = arrays["train_images"], arrays["train_labels"]
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise damaged(path, f"train_images is {images.dtype} {images.shape} instead of uint8 (n, 16, 16)")
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
        raise damaged(path, f"train_labels is {labels.dtype} {labels.shape} for {len(images)} images")
    return images, _digits(path, labels)


def grey_levels(values: NDArray[np.float32]) -> Images:
    """Grey levels as torchvision computes them from brightness in [-1, 1]: cut off, not rounded."""
    return ((values + 1) / 2 * 255).astype(np.uint8)


def smoothed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Smooth the images of :func:`read_esl` to those of :func:`read_libsvm`.

    LIBSVM's files are a smoothed copy. Its filter, fitted to the test part, is Gaussian with a standard deviation
    of 0.75 pixels, cut off after three and printed with six decimals. It gives all 513,792 grey levels of the
    test part exactly.

    Parameters
    ----------
    values : ndarray of shape (n, 16, 16), float32
        Brightness in [-1, 1].

    Returns
    -------
    ndarray of shape (n, 16, 16), float32
    """
    from scipy.ndimage import correlate1d

    weights = np.exp(-(np.arange(-3, 4) ** 2) / (2 * 0.75**2))
    weights /= weights.sum()
    result = values.astype(np.float64)
    for axis in (1, 2):
        result = correlate1d(result, weights, axis=axis, mode="constant", cval=-1.0)
    return np.round(result, 6).astype(np.float32)


def _brightness(path: Path, values: NDArray[np.float64]) -> NDArray[np.float32]:
    if np.abs(values).max() > 1:
        raise damaged(path, "its values leave [-1, 1]")
    return values.astype(np.float32).reshape(-1, SIDE, SIDE)


def _digits(path: Path, labels: NDArray[np.generic]) -> Digits:
    digits = labels.astype(np.int64)
    if (digits != labels).any() or digits.min() < 0 or digits.max() > 9:
        raise damaged(path, "its labels are not the ten digits")
    return digits
