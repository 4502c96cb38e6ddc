"""Pictures of an embedding, coloured by class and by group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import BenchError, InvalidInputError
from bench.reporting.canvas import figure_files, new_figure, write_figure
from bench.reporting.panels import Points, draw_panels
from bench.reporting.plots.style import set_head

__all__ = ["Panel", "embedding_figure"]

Projection = Literal["tsne", "umap"]

# t-SNE's usual perplexity and UMAP's usual number of neighbours; smaller samples need less.
_PERPLEXITY = 30.0
_NEIGHBOURS = 15
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
    panels: Sequence[Panel | tuple[Any, ...]],
    path: Path | str,
    *,
    title: str = "",
    budget: str = "",
    projection: Projection = "tsne",
    seed: int = 0,
    max_points: int = 2000,
) -> tuple[Path, ...]:
    """Draw embeddings in the plane: by class in the first row, by group in the second, a column for every panel.

    The same samples are drawn in every panel with the same number of them, and equal input gives an equal file.

    Parameters
    ----------
    panels : sequence of Panel
        What to draw, for example before and after training.
    path : Path
        Where to; the ending, ``.png`` or ``.pdf``, decides the format, and none makes both.
    title, budget : str
        Head of the figure: what it shows, and how it was run.
    projection : {"tsne", "umap"}
        How to come to two dimensions.
    seed : int
        Decides which samples are drawn, and the projection.
    max_points : int
        At most so many samples a panel.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    InvalidInputError
        No panels, arrays that do not fit together, or another ending.
    BenchError
        If matplotlib, or umap-learn where it is asked for, is not installed, or a file cannot be written.

    References
    ----------
    van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 9, 2008.
    McInnes, Healy and Melville, UMAP, 2018, doi:10.48550/arXiv.1802.03426.
    """
    target = Path(path)
    figure_files(target)
    if not panels:
        raise InvalidInputError("no panels to draw; give at least one embedding")
    figure = new_figure(3.1 * len(panels) + 1.2, 6.9 if title else 6.3)
    drawn = [_projected(Panel(*panel), projection, seed, max_points) for panel in panels]
    draw_panels(figure, drawn, seed)
    if title:
        set_head(figure, title, budget)
    return write_figure(figure, target)


def _projected(panel: Panel, projection: Projection, seed: int, max_points: int) -> Points:
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
        raise InvalidInputError(f"panel '{panel.title}': the figure takes at least {_FEWEST} samples, all finite")
    for ids, names in ((classes, panel.class_names), (groups, panel.group_names)):
        if ids.min() < 0 or ids.max() >= len(names):
            raise InvalidInputError(f"panel '{panel.title}': ids {ids.min()}-{ids.max()} given for {len(names)} names")
    # A generator of its own for every panel: equal n, equal samples, so that columns can be compared.
    kept = np.sort(np.random.default_rng(seed).permutation(n)[:max_points])
    from threadpoolctl import threadpool_limits

    # Sums over several threads come out in any order, and the picture with them.
    with threadpool_limits(limits=1):
        xy = _in_square((_umap if projection == "umap" else _tsne)(embedding[kept], seed))
    return Points(panel.title, xy, classes[kept], groups[kept], panel.class_names, panel.group_names)


def _tsne(embedding: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE

    # A single feature and a collapsed embedding have no two principal components to start from.
    spread = embedding.shape[1] > 1 and np.ptp(embedding, axis=0).any()
    model = TSNE(
        init="pca" if spread else "random",
        perplexity=min(_PERPLEXITY, (len(embedding) - 1) / 3),
        random_state=seed,
    )
    return np.asarray(model.fit_transform(embedding), dtype=np.float64)


def _umap(embedding: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    try:
        from umap import UMAP
    except ImportError:
        raise BenchError(
            "UMAP needs umap-learn, which is not installed; pip install fair-clustering-bench[umap]"
        ) from None
    # With a seed it runs on one thread anyway, and warns unless told so.
    model = UMAP(n_neighbors=min(_NEIGHBOURS, len(embedding) - 1), random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(embedding), dtype=np.float64)


def _in_square(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points in a square of side 1: units mean nothing in a projection, so every panel fills the same."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    square: NDArray[np.float64] = (xy - (low + high) / 2) / max(float(np.max(high - low)), np.finfo(float).tiny)
    return square
