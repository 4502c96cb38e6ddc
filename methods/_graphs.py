"""Symmetric sparse graphs of nearest neighbours, for the spectral methods."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_matrix
from scipy.sparse.csgraph import connected_components

from bench.errors import InvalidInputError

from ._deep.parameters import check_at_least, check_choice

__all__ = ["knn_graph"]

BLOCK_BYTES = 2**27
FOLD = 64
SMALLEST_WEIGHT = 1e-3
# Of a point's squared length: float32 leaves an error of about 1e-6 of it in an expanded squared distance.
TRUSTED = 1e-4

Floats = NDArray[np.floating]
Ids = NDArray[np.int64]


def knn_graph(
    points: NDArray[np.float32],
    n_neighbors: int,
    *,
    weights: str = "binary",
    connect: bool = True,
) -> csr_matrix:
    """Graph in which two points are joined if one is among the nearest neighbours of the other.

    Time O(n² d) in matrix products, memory O(n (d + n_neighbors)) and one block of distances.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Points, finite.
    n_neighbors : int
        Neighbours a point looks for, itself not counted; n - 1 where there are fewer.
    weights : {"binary", "gaussian"}
        1, or exp(-d² / (2 s²)) with s the median distance to a neighbour, at least 0.001.
    connect : bool
        Whether to join the components: each but the largest gets an edge to the nearest point outside it, until one
        component is left. Such edges weigh as others do.

    Returns
    -------
    csr_matrix of shape (n, n), float64
        Symmetric, weights in (0, 1], an empty diagonal, sorted indices.

    Raises
    ------
    InvalidInputError
        If a parameter is not allowed, or `points` is not a finite (n, d) array.
    """
    check_at_least(1, n_neighbors=n_neighbors)
    check_choice("weights", weights, ("binary", "gaussian"))
    space = _Space.of(points)
    neighbours, squared = space.nearest(min(n_neighbors, len(points) - 1))
    start = np.repeat(np.arange(len(points)), neighbours.shape[1])
    edges = _Edges(len(points), start, neighbours.ravel(), squared.ravel().astype(np.float64))
    if connect:
        edges = _joined(space, edges)
    return edges.graph(weights)


class _Space:
    """Points laid out so that one matrix product gives a block of squared distances, up to the row's own length."""

    def __init__(self, points: Floats) -> None:
        n, d = points.shape
        self.n = n
        self.points = points
        self.lengths = np.einsum("ij,ij->i", points, points)
        # |y|² - 2 x.y as [x, 1] . [-2 y, |y|²]. Padding columns are infinitely far.
        self.columns = np.zeros((-(-n // FOLD) * FOLD, d + 1), dtype=points.dtype)
        np.multiply(points, -2, out=self.columns[:n, :d])
        self.columns[:n, d] = self.lengths
        self.columns[n:, d] = np.inf

    @classmethod
    def of(cls, points: NDArray[np.float32]) -> _Space:
        """Centred, and scaled so that no square overflows."""
        if points.ndim != 2 or not np.isfinite(points).all():
            raise InvalidInputError(f"points of shape {points.shape} given; it takes finite (n, d) points")
        # Medians of a sample: any place amid the points serves, and outliers do not move it away from them.
        centred = points - np.median(points[:: max(1, len(points) // 1000)], axis=0)
        centred /= np.abs(centred).max(initial=0) or 1
        return cls(centred.astype(np.float32, copy=False))

    def blocks(self, rows: Ids) -> list[Ids]:
        """`rows` in parts whose distances fit into a block."""
        size = max(1, BLOCK_BYTES // (self.columns.itemsize * len(self.columns)))
        return [rows[at : at + size] for at in range(0, len(rows), size)]

    def shifted(self, rows: Ids) -> Floats:
        """|x - y|² - |x|² from `rows` to all columns."""
        left = np.ones((len(rows), self.columns.shape[1]), dtype=self.columns.dtype)
        left[:, :-1] = self.points[rows]
        block: Floats = left @ self.columns.T
        return block

    def nearest(self, count: int) -> tuple[Ids, Floats]:
        """Ids and squared distances of the `count` nearest others of every point."""
        neighbours, squared = self._search(np.arange(self.n), count)
        if count == 0:
            return neighbours, squared
        doubtful = np.flatnonzero(squared.max(axis=1) < TRUSTED * self.lengths)
        if len(doubtful):
            exact = _Space(self.points.astype(np.float64))
            neighbours[doubtful], squared[doubtful] = exact._search(doubtful, count)
        return neighbours, squared

    def _search(self, rows: Ids, count: int) -> tuple[Ids, Floats]:
        neighbours = np.empty((len(rows), count), dtype=np.int64)
        squared = np.empty((len(rows), count), dtype=self.columns.dtype)
        done = 0
        for part in self.blocks(rows):
            block = self.shifted(part)
            block[np.arange(len(part)), part] = np.inf
            span = slice(done, done + len(part))
            neighbours[span] = _smallest(block, count)
            found = np.take_along_axis(block, neighbours[span], axis=1)
            squared[span] = np.maximum(found + self.lengths[part, None], 0)
            done += len(part)
        return neighbours, squared


def _smallest(block: Floats, count: int) -> Ids:
    """Columns of the `count` smallest entries of every row."""
    n_rows, n_columns = block.shape
    width = n_columns // FOLD
    if width <= count:
        return np.argpartition(block, count, axis=1)[:, :count].astype(np.int64, copy=False)
    # The smallest entries lie in the sets with the smallest minima: far fewer to sort than a whole row.
    folded = block.reshape(n_rows, FOLD, width)
    sets = np.argpartition(folded.min(axis=1), count, axis=1)[:, :count]
    candidates = np.take_along_axis(folded, sets[:, None, :], axis=2).reshape(n_rows, FOLD * count)
    chosen = np.argpartition(candidates, count, axis=1)[:, :count]
    fold, place = np.divmod(chosen, count)
    columns: Ids = fold * width + np.take_along_axis(sets, place, axis=1)
    return columns


class _Edges:
    """Directed edges with squared lengths."""

    def __init__(self, n: int, start: Ids, end: Ids, squared: NDArray[np.float64]) -> None:
        self.n = n
        self.start = start
        self.end = end
        self.squared = squared

    def with_more(self, start: Ids, end: Ids, squared: NDArray[np.float64]) -> _Edges:
        """These edges and others."""
        return _Edges(
            self.n,
            np.concatenate([self.start, start]),
            np.concatenate([self.end, end]),
            np.concatenate([self.squared, squared]),
        )

    def components(self) -> Ids:
        """Component of every point, direction left aside."""
        links = csr_matrix(coo_array((np.ones(len(self.start)), (self.start, self.end)), shape=(self.n, self.n)))
        component: Ids = connected_components(links, directed=False)[1].astype(np.int64)
        return component

    def graph(self, weights: str) -> csr_matrix:
        """Symmetric weights, the larger one of the two directions."""
        values = np.ones(len(self.squared))
        middle = np.median(self.squared) if len(self.squared) else 0.0
        if weights == "gaussian" and middle > 0:
            values = np.maximum(np.exp(-self.squared / (2 * middle)), SMALLEST_WEIGHT)
        one_way = csr_matrix(coo_array((values, (self.start, self.end)), shape=(self.n, self.n)))
        graph = csr_matrix(one_way.maximum(one_way.T))
        graph.sort_indices()
        return graph


def _joined(space: _Space, edges: _Edges) -> _Edges:
    """`edges` and those that make one component of the graph (Borůvka's algorithm on the components)."""
    component = edges.components()
    while component.max() > 0:
        outside = np.flatnonzero(component != np.bincount(component).argmax())
        end = np.empty(len(outside), dtype=np.int64)
        squared = np.empty(len(outside))
        done = 0
        for rows in space.blocks(outside):
            block = space.shifted(rows)[:, : space.n]
            block[component[rows, None] == component] = np.inf
            span = slice(done, done + len(rows))
            end[span] = block.argmin(axis=1)
            squared[span] = np.maximum(block.min(axis=1) + space.lengths[rows], 0)
            done += len(rows)
        order = np.lexsort((squared, component[outside]))
        first = order[np.unique(component[outside][order], return_index=True)[1]]
        edges = edges.with_more(outside[first], end[first], squared[first])
        component = edges.components()
    return edges
