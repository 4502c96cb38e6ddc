"""MNIST's training images, from the files that its authors distribute."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data.store import Store
from bench.metadata import DataFile

from ._files import damaged

__all__ = ["read_idx", "read_mnist"]

SIDE = 28
# The largest idx file of MNIST has 47 MB.
_MAX_BYTES = 2**28


def read_mnist(store: Store, images: DataFile, labels: DataFile) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images and digits.

    Parameters
    ----------
    store : Store
        Where the files are.
    images, labels : DataFile
        The two idx files.

    Returns
    -------
    pixels : ndarray of shape (n, 28, 28), uint8
        Grey values; 0 is background.
    digits : ndarray of shape (n,), int64
        Digit of every image.

    Raises
    ------
    MissingDataError
        If a file is not there or damaged, or they do not belong together.
    """
    images_path, labels_path = store.locate(images).paths[0], store.locate(labels).paths[0]
    pixels, digits = read_idx(images_path, 3), read_idx(labels_path, 1)
    if pixels.shape[1:] != (SIDE, SIDE):
        raise damaged(images_path, f"its images have {pixels.shape[1]} x {pixels.shape[2]} pixels instead of 28 x 28")
    if len(digits) != len(pixels):
        raise damaged(labels_path, f"it has {len(digits)} labels for {len(pixels)} images")
    if digits.max() > 9:
        raise damaged(labels_path, f"it has a label {digits.max()}, digits are 0 to 9")
    return pixels, digits.astype(np.int64)


def read_idx(path: Path, ndim: int) -> NDArray[np.uint8]:
    """Array in a gzipped idx file: two zero bytes, type 8 (unsigned byte), `ndim`, the sizes (big-endian), the values.

    Raises
    ------
    MissingDataError
        If it is no such file, or shorter or longer than its header says.
    """
    try:
        with gzip.open(path, "rb") as stream:
            magic = stream.read(4)
            if magic != bytes((0, 0, 8, ndim)):
                raise damaged(path, f"it starts with {magic.hex(' ') or 'nothing'} instead of 00 00 08 0{ndim}")
            header = stream.read(4 * ndim)
            shape = struct.unpack(f">{ndim}I", header) if len(header) == 4 * ndim else (0,)
            size = math.prod(shape)
            if not 0 < size <= _MAX_BYTES:
                raise damaged(path, f"its header names the sizes {shape}")
            content = stream.read(size + 1)
    except EOFError:
        raise damaged(path, "it ends too early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise damaged(path, str(error)) from None
    if len(content) != size:
        raise damaged(path, f"it does not hold the {size} values that its header names")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)
