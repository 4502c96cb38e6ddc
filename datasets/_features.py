"""Features of images, as a file: what the two data sets of photographs read.

The file is a NumPy archive (``numpy.savez_compressed``, no pickled objects) with

* ``X`` (n, 2048), float16 or float32: the network's pooled features, not transformed;
* ``meta`` (), str: a JSON object; ``"weights"`` names the network and its weights, and other entries may say how
  the images were prepared;
* Office-31: ``y`` (n,) class and ``domain`` (n,) domain, integers that index ``class_names`` (31,) and
  ``domain_names``, str;
* MTFL: ``y`` (n,) 0 female, 1 male, and ``glasses`` (n,) 0 without, 1 with, integers.

More arrays may be there. Everybody's file is another (weights, versions, rounding), so it has no checksum: its
content is checked instead, and the weights are named in every table.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError
from bench.metadata import NOT_THE_PAPERS

from ._files import damaged, read_arrays

__all__ = ["Features", "Scale", "read_features", "squash", "unexpected_count", "weights_note", "write_features"]

WIDTH = 2048
# The weights that the papers use, by the start of their file's sha256, which is part of its name.
_PAPERS = "0676ba61"
# Weights known by the start of their file's sha256.
_KNOWN = {
    _PAPERS: "ResNet-50 (torchvision IMAGENET1K_V1) features",
    "f237e2540d8f": "ResNet-50 (PQF) features",
}


@dataclass(frozen=True)
class Features:
    """What a features file holds.

    Parameters
    ----------
    X : ndarray of shape (n, 2048), float32
        Features.
    labels : dict of str to ndarray of shape (n,), int64
        Classes and groups by the name of their array.
    names : dict of str to tuple of str
        Names of classes and groups by the name of their array.
    weights : str
        The network and its weights.
    """

    X: NDArray[np.float32]
    labels: dict[str, NDArray[np.int64]]
    names: dict[str, tuple[str, ...]]
    weights: str


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of features, over all samples and dimensions."""

    mean: float
    std: float


def read_features(path: Path, labels: Sequence[str], names: Sequence[str] = ()) -> Features:
    """Read a features file and check its arrays.

    Parameters
    ----------
    path : Path
        The file, see the module's description.
    labels : sequence of str
        Arrays of classes and groups.
    names : sequence of str
        Arrays of names.

    Raises
    ------
    MissingDataError
        If an array is missing or of another shape or type, X is not finite or constant, or the weights are not named.
    """
    arrays = read_arrays(path, ("X", "meta", *labels, *names))
    X = arrays["X"]
    if X.ndim != 2 or X.shape[1] != WIDTH or X.dtype.kind != "f":
        raise damaged(path, f"X is {X.dtype} {X.shape} instead of float (n, {WIDTH})")
    if not np.isfinite(X).all():
        raise damaged(path, "X holds NaN or infinite values")
    if X.size == 0 or X.min() == X.max():
        raise damaged(path, "X is empty or constant")
    for name in labels:
        if arrays[name].shape != X.shape[:1] or arrays[name].dtype.kind not in "iu":
            raise damaged(path, f"{name} is {arrays[name].dtype} {arrays[name].shape} instead of integer ({len(X)},)")
    for name in names:
        if arrays[name].ndim != 1 or arrays[name].dtype.kind != "U":
            raise damaged(path, f"{name} is {arrays[name].dtype} {arrays[name].shape} instead of text (m,)")
    return Features(
        X=X.astype(np.float32),
        labels={name: arrays[name].astype(np.int64) for name in labels},
        names={name: tuple(arrays[name].tolist()) for name in names},
        weights=_weights(path, arrays["meta"]),
    )


def unexpected_count(what: str, found: Sequence[int], wanted: Sequence[int]) -> str:
    """Say where classes or groups have other sizes than published; empty if nowhere."""
    if len(found) != len(wanted):
        return f"{what}: there are {len(found)}, {len(wanted)} expected"
    differing = [index for index in range(len(found)) if found[index] != wanted[index]]
    if not differing:
        return ""
    first = differing[0]
    return f"{what} {first}: {found[first]} samples, {wanted[first]} expected"


def squash(X: NDArray[np.float32], scaling: str, paper: Scale, parameter: str) -> NDArray[np.float32]:
    """Bring features into (-1, 1): ``tanh((X - m) / s)`` with scalars m and s, as in FCMI's code.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32
        Features; overwritten.
    scaling : {"data", "paper"}
        Mean and standard deviation of `X`, or `paper`.
    paper : Scale
        The constants of FCMI's code, which belong to its weights and its preparation of the images.
    parameter : str
        What `scaling` is called, for the message.

    Returns
    -------
    ndarray of shape (n, d), float32
        `X` itself.

    Raises
    ------
    InvalidInputError
        Any other `scaling`.
    """
    if scaling not in ("data", "paper"):
        raise InvalidInputError(f"{parameter}={scaling!r} given; it takes data or paper")
    scale = paper if scaling == "paper" else Scale(float(X.mean(dtype=np.float64)), float(X.std(dtype=np.float64)))
    X -= np.float32(scale.mean)
    X /= np.float32(scale.std)
    return np.tanh(X, out=X)


def weights_note(weights: str) -> str:
    """Footnote that says whose features these are, so that nobody takes other weights for the paper's."""
    name = next((name for digest, name in _KNOWN.items() if digest in weights), None)
    if name == _KNOWN[_PAPERS]:
        return name
    named = name or f"Features of {_shortened(weights)}"
    return f"{named}, {NOT_THE_PAPERS} (torchvision IMAGENET1K_V1)"


def write_features(path: Path, X: NDArray[np.floating], meta: Mapping[str, str], **arrays: NDArray[Any]) -> None:
    """Write a features file, whole or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    content: dict[str, Any] = {"X": X, "meta": np.array(json.dumps(meta)), **arrays}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez_compressed(stream, **content)
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)


def _weights(path: Path, meta: NDArray[Any]) -> str:
    try:
        weights = json.loads(str(meta[()]))["weights"]
    except (ValueError, KeyError, TypeError):
        weights = None
    if not isinstance(weights, str) or not weights.strip():
        raise damaged(path, 'meta is no JSON object that names the "weights"')
    return " ".join(weights.split())


def _shortened(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
