"""MTFL's annotations, and the subset of them that FCMI's code draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError

__all__ = ["Face", "draw_subset", "read_annotations"]

# Ten coordinates, gender, smile, glasses, head pose.
_NUMBERS = 14
_SEED = 9116


@dataclass(frozen=True)
class Face:
    """One annotated photograph."""

    path: Path
    male: bool
    glasses: bool


def read_annotations(folder: Path) -> list[Face]:
    """Faces of ``testing.txt``, then those of ``training.txt``, each in its order.

    A line holds the image's path, the coordinates of five points (first all x, then all y), gender (1 male,
    2 female), smile, glasses (1 with, 2 without) and head pose.

    Parameters
    ----------
    folder : Path
        Where the two files are; paths in them start here, with slashes or backslashes in between.

    Raises
    ------
    InvalidInputError
        If a file or line is not as described, or names a path outside the folder.
    """
    faces = []
    for name in ("testing.txt", "training.txt"):
        path = folder / name
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInputError(
                f"{path} cannot be read ({error}); give the unpacked folder of MTFL, which holds it"
            ) from None
        faces += [_face(folder, path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    return faces


def draw_subset(male: NDArray[np.bool_], glasses: NDArray[np.bool_], sizes: Sequence[int]) -> list[int]:
    """Draw as many women, and as many men, without glasses as with.

    NumPy's legacy generator with seed 9116 shuffles the positions of women without glasses, men without, women
    with, men with, one after the other; the first of each are kept.

    Parameters
    ----------
    male, glasses : ndarray of shape (n,), bool
        Annotations, in the order of :func:`read_annotations`.
    sizes : sequence of two int
        Women and men to draw in each group.

    Returns
    -------
    list of int
        Indices of the drawn faces, cell by cell in the order of the draw.

    Raises
    ------
    InvalidInputError
        If there are too few.
    """
    # The legacy generator, since the subset is defined by it.
    rng = np.random.RandomState(_SEED)
    rows: list[int] = []
    for group in (False, True):
        for gender, size in zip((False, True), sizes, strict=True):
            cell = np.flatnonzero((glasses == group) & (male == gender))
            if len(cell) < size:
                who = f"{'men' if gender else 'women'} {'with' if group else 'without'} glasses"
                raise InvalidInputError(f"the annotations have {len(cell)} {who}, the subset takes {size}")
            order = np.arange(len(cell))
            rng.shuffle(order)
            rows += cell[order[:size]].tolist()
    return rows


def _face(folder: Path, source: Path, number: int, line: str) -> Face:
    fields = line.strip().rsplit(maxsplit=_NUMBERS)
    if len(fields) != _NUMBERS + 1 or fields[11] not in ("1", "2") or fields[13] not in ("1", "2"):
        raise InvalidInputError(f"{source}, line {number}: a path and 14 numbers expected, gender and glasses 1 or 2")
    path = Path(fields[0].replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise InvalidInputError(f"{source}, line {number}: {fields[0]} is not inside {folder}")
    return Face(folder / path, male=fields[11] == "1", glasses=fields[13] == "1")
