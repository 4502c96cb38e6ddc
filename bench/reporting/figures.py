"""Pictures of an embedding, coloured by class and by group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import InvalidInputError
from bench.reporting.canvas import ENDINGS, new_figure, save_figure
from bench.reporting.panels import Points, draw_panels

if TYPE_CHECKING:
    pass

__all__ = ["Panel", "embedding_figure"]

# t-SNE's usual perplexity; smaller samples need less.
_PERPLEXITY = 30.0
_FEWEST = 5


class Panel(NamedTuple):
    """One column of :func:`embedding_figure`.

    Parameters
    ----------
    title : str
        Head of the column.
    embedding : array-like of shape (n, d)
        What a method learned, finite.
    classes, groups : array-like of shape (n,), int
        Ids, positions into the names.
    class_names, group_names : sequence of str
        Names by id.
    """

    title: str
    embedding: ArrayLike
    classes: ArrayLike
    groups: ArrayLike
    class_names: Sequence[str]
    group_names: Sequence[str]


def embedding_figure(
    panels: Sequence[Panel | tuple[Any, ...]], path: Path | str, *, seed: int = 0, max_points: int = 2000
) -> Path:
    """Draw embeddings with t-SNE: by class in the first row, by group in the second, a column for every panel.

    The same samples are drawn in every panel with the same number of them, and equal input gives an equal file.

    Parameters
    ----------
    panels : sequence of Panel
        What to draw, for example before and after training.
    path : Path
        Where to; the ending, ``.png`` or ``.pdf``, decides the format.
    seed : int
        Decides which samples are drawn, and t-SNE.
    max_points : int
        At most so many samples a panel.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InvalidInputError
        No panels, arrays that do not fit together, or another ending.
    BenchError
        If matplotlib is not installed or the file cannot be written.

    References
    ----------
    van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 9, 2008.
    """
    target = Path(path)
    if target.suffix.lower() not in ENDINGS:
        raise InvalidInputError(f"figure {target} has no known ending; name it .png or .pdf")
    if not panels:
        raise InvalidInputError("no panels to draw; give at least one embedding")
    figure = new_figure(3.1 * len(panels) + 1.2, 6.3)
    drawn = [_project(Panel(*panel), seed, max_points) for panel in panels]
    draw_panels(figure, drawn, seed)
    save_figure(figure, target)
    return target


def _project(panel: Panel, seed: int, max_points: int) -> Points:
    embedding = np.asarray(panel.embedding, dtype=np.float64)
    classes = np.asarray(panel.classes).astype(np.int64)
    groups = np.asarray(panel.groups).astype(np.int64)
    n = len(embedding)
    if embedding.ndim != 2 or classes.shape != (n,) or groups.shape != (n,):
        raise InvalidInputError(
            f"panel '{panel.title}': embedding {embedding.shape}, classes {classes.shape} and groups {groups.shape} "
            "do not fit together; they take shapes (n, d), (n,) and (n,)"
        )
    if min(n, max_points) < _FEWEST or not np.all(np.isfinite(embedding)):
        raise InvalidInputError(f"panel '{panel.title}': t-SNE takes at least {_FEWEST} samples, all finite")
    for ids, names in ((classes, panel.class_names), (groups, panel.group_names)):
        if ids.min() < 0 or ids.max() >= len(names):
            raise InvalidInputError(f"panel '{panel.title}': ids {ids.min()}-{ids.max()} given for {len(names)} names")
    # A generator of its own for every panel: equal n, equal samples, so that columns can be compared.
    kept = np.sort(np.random.default_rng(seed).permutation(n)[:max_points])
    xy = _tsne(embedding[kept], seed)
    return Points(panel.title, xy, classes[kept], groups[kept], panel.class_names, panel.group_names)


def _tsne(embedding: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    # A single feature and a collapsed embedding have no two principal components to start from.
    spread = embedding.shape[1] > 1 and np.ptp(embedding, axis=0).any()
    model = TSNE(
        init="pca" if spread else "random",
        perplexity=min(_PERPLEXITY, (len(embedding) - 1) / 3),
        random_state=seed,
    )
    # Sums over several threads come out in any order, and the picture with them.
    with threadpool_limits(limits=1):
        xy = np.asarray(model.fit_transform(embedding), dtype=np.float64)
    # Units mean nothing in t-SNE: every panel fills the same square.
    low, high = xy.min(axis=0), xy.max(axis=0)
    square: NDArray[np.float64] = (xy - (low + high) / 2) / max(float(np.max(high - low)), np.finfo(float).tiny)
    return square
