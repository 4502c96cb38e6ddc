"""What the single-cell data sets share: cells with their checks, and the way from counts to samples."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bench.adapters import Dataset, FairData
from bench.data.store import Store
from bench.errors import InvalidInputError

from ._cells_steps import (
    TARGET_SUM,
    bounded,
    dispersion_rank,
    library_size,
    most_variable,
    principal_components,
    with_data,
    z_scores,
)

__all__ = ["LAYERS", "Cells", "CellsDataset"]

LAYERS = ("counts", "lognorm")
# The command line has no way to write None.
_BOUNDS = ("tanh", "minmax", "none", None)
# Beyond the logarithm to base 2 of any library size in use; exponentials of more would overflow.
_LARGEST_LOG = 30.0


@dataclass(frozen=True)
class Cells:
    """Measured cells, checked when made.

    Parameters
    ----------
    source : str
        Name of the file, for messages.
    values : csr_array of shape (n, genes), float32
        Counts, or their logarithms after normalisation; not negative.
    layer : {"counts", "lognorm"}
        Which of the two: ``log(1 + 1e4 x / total)``, or another library size, for ``"lognorm"``.
    groups : ndarray of shape (n,)
        Technology or batch of each cell: any values.
    classes : ndarray of shape (n,), optional
        Type of each cell: any values.
    totals : ndarray of shape (n,), float64, optional
        Counts of each cell over all genes that were measured; by default over those in the file.
    rank : ndarray of shape (genes,), int, optional
        Genes by variability, 0 for the most variable; by default computed.

    Raises
    ------
    InvalidInputError
        What cannot be: an unknown layer, negative or not finite values, logarithms beyond 30, arrays of wrong
        shapes, fewer than two groups.
    """

    source: str
    values: csr_array
    layer: str
    groups: NDArray[Any]
    classes: NDArray[Any] | None = None
    totals: NDArray[np.float64] | None = None
    rank: NDArray[np.integer] | None = None

    def __post_init__(self) -> None:
        n, genes = self.values.shape
        if self.layer not in LAYERS:
            self._refuse(f"its layer is '{self.layer}'; it takes {' or '.join(LAYERS)}")
        if min(n, genes) == 0:
            self._refuse(f"it holds {n} cells and {genes} genes; there is nothing to cluster")
        self._check_values()
        for name, array, length in (
            ("the sensitive attribute", self.groups, n),
            ("the label", self.classes, n),
            ("total_counts", self.totals, n),
            ("hvg_rank", self.rank, genes),
        ):
            if array is not None and array.shape != (length,):
                self._refuse(f"{name} has shape {array.shape}; {n} cells and {genes} genes ask for ({length},)")
        if len(found := set(self.groups.tolist())) < 2:
            self._refuse(
                f"all {n} cells belong to one group, '{found.pop()}'; fair clustering takes at least two: name "
                "another sensitive attribute"
            )

    def library_sizes(self) -> NDArray[np.float64]:
        """Counts of each cell, to divide by.

        Raises
        ------
        InvalidInputError
            If a total is missing, infinite or not positive.
        """
        given = self.totals is not None
        totals = self.totals if self.totals is not None else np.asarray(self.values.sum(axis=1, dtype=np.float64))
        bad = np.flatnonzero(~(np.isfinite(totals) & (totals > 0)))
        if len(bad):
            what = "total_counts" if given else "the sum of counts"
            self._refuse(
                f"{what} of {len(bad)} cells is NaN, infinite or not positive (the first is cell {bad[0]}: "
                f"{totals[bad[0]]:g}); drop these cells{' or leave total_counts out' if given else ''}"
            )
        return totals

    def _check_values(self) -> None:
        data = self.values.data
        if not np.isfinite(data).all():
            self._refuse("its values hold NaN or infinities; drop these cells or genes")
        if data.size and data.min() < 0:
            self._refuse(
                f"its values go down to {data.min():g}; {self.layer} are not negative: give them before any "
                "centring or batch correction"
            )
        if self.layer == "lognorm" and data.size and data.max() > _LARGEST_LOG:
            self._refuse(
                f"its values go up to {data.max():g}; logarithms stay below {_LARGEST_LOG:g}: say that they are counts"
            )
        if not data.any():
            self._refuse("all its values are 0; there is nothing to cluster")

    def _refuse(self, why: str) -> None:
        raise InvalidInputError(f"{self.source}: {why}")


class CellsDataset(Dataset):
    """Base of the single-cell data sets: cells by genes, brought into [-1, 1].

    No paper on fair clustering that we know states how it prepared its cells. The steps here are the field's
    usual ones, and those of the study that Mouse Atlas comes from (Tran et al., Genome Biology 21:12, 2020,
    doi:10.1186/s13059-019-1850-9): library size, logarithm, most variable genes. Each is an option. No step sees the
    classes or the sensitive attribute, so nothing is corrected for the batch before a method runs.

    Parameters
    ----------
    n_genes : int, optional
        Most variable genes that are kept, by the file's own ranking where it has one, else by normalised dispersion.
        2,000 is the usual number; None, or more than there are, keeps all.
    normalise : bool, optional
        Whether counts are divided by the cell's total and brought to 10,000. By default where the file holds
        counts; True is refused where it is normalised already.
    log : bool, optional
        Whether ``log(1 + x)`` is taken; by default and refused as `normalise`.
    scale : bool
        Whether each gene becomes a z-score, clipped to [-10, 10]. By default not: rare genes would weigh as much as
        the others.
    n_components : int, optional
        Principal components that replace the genes; by default the genes themselves, since the deep methods learn
        an embedding of their own.
    bound : {"tanh", "minmax", "none", None}
        Last step. The deep methods' networks end in a tanh, so samples have to lie in [-1, 1]. "tanh":
        ``tanh((x - m) / s)``, m and s the mean and standard deviation of all entries, as FCMI's code does with
        features; most entries are 0, and this gives the others enough weight beside losses of fixed weights.
        "minmax": the range of all entries becomes [-1, 1]; distances keep their proportions, but lie close
        together. "none" or None: nothing, for k-means as it is usually run on cells.
    """

    def __init__(
        self,
        n_genes: int | None = 2000,
        normalise: bool | None = None,
        log: bool | None = None,
        scale: bool = False,
        n_components: int | None = None,
        bound: str | None = "tanh",
    ) -> None:
        self.n_genes = n_genes
        self.normalise = normalise
        self.log = log
        self.scale = scale
        self.n_components = n_components
        self.bound = bound

    def read(self, store: Store) -> tuple[Cells, str]:
        """Cells, and what is to be said of their source in every table (or nothing).

        Raises
        ------
        MissingDataError
            If a file is not there.
        InvalidInputError
            If it cannot be read.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define read(store)")

    def load(self, store: Store) -> FairData:
        """Cells as rows, in the order of the file."""
        self._check_options()
        cells, said = self.read(store)
        X, steps = self._samples(cells)
        note = "; ".join([*([said] if said else []), "preparation: " + ", ".join(steps)])
        return FairData.from_arrays(X, cells.classes, cells.groups, k=self.clusters(), note=note)

    def clusters(self) -> int | None:
        """Number of clusters to ask for; None for the number of classes."""
        return None

    def _check_options(self) -> None:
        """Refuse options that cannot be.

        Raises
        ------
        InvalidInputError
            With the option's name and what it takes.
        """
        for name in ("n_genes", "n_components"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                self._refuse(name, "a whole number of at least 1, or None")
        for name, allowed in (("normalise", (True, False, None)), ("log", (True, False, None))):
            self._check_choice(name, allowed)
        self._check_choice("scale", (True, False))
        self._check_choice("bound", _BOUNDS)

    def _samples(self, cells: Cells) -> tuple[NDArray[np.float32], list[str]]:
        """Samples, and the steps that made them in words."""
        values, genes, steps = self._expression(cells)
        if len(genes) < values.shape[1]:
            steps.append(f"{len(genes):,} most variable genes")
        X = values[:, genes].toarray()
        if self.scale:
            X = z_scores(X)
            steps.append("z-scores of genes")
        if self.n_components is not None:
            if self.n_components > min(X.shape):
                self._refuse("n_components", f"at most {min(X.shape)} for {X.shape[0]} cells and {X.shape[1]} genes")
            X = principal_components(X, self.n_components)
            steps.append(f"{self.n_components} principal components")
        if self.bound not in ("none", None):
            if X.min() == X.max():
                raise InvalidInputError(f"{cells.source}: all values are equal after these steps: {', '.join(steps)}")
            X = bounded(X, self.bound)
            steps.append(self.bound)
        return X, steps

    def _expression(self, cells: Cells) -> tuple[csr_array, NDArray[np.int64], list[str]]:
        """Expression of all genes, positions of the genes to keep, and the steps in words."""
        values, steps = cells.values, ["counts" if cells.layer == "counts" else "log-normalised in the file"]
        if self._wanted("normalise", cells):
            values = library_size(values, cells.library_sizes())
            steps.append(f"library size {TARGET_SUM:,.0f}")
        genes = np.arange(values.shape[1])
        if self.n_genes is not None and self.n_genes < len(genes):
            genes = most_variable(_rank(cells, values), self.n_genes)
        if self._wanted("log", cells):
            values = with_data(values, np.log1p(values.data, dtype=np.float64))
            steps.append("log(1 + x)")
        return values, genes, steps

    def _wanted(self, step: str, cells: Cells) -> bool:
        wanted: bool | None = getattr(self, step)
        if wanted and cells.layer == "lognorm":
            raise InvalidInputError(
                f"{cells.source} is log-normalised already, {self.info.name}.{step}=true is for counts; "
                "leave the option out"
            )
        return cells.layer == "counts" if wanted is None else wanted

    def _check_choice(self, name: str, allowed: Collection[object]) -> None:
        value = getattr(self, name)
        # 1 equals True and is no answer to the question.
        if not any(value is choice or (isinstance(choice, str) and value == choice) for choice in allowed):
            self._refuse(name, ", ".join(map(str, allowed)))

    def _refuse(self, name: str, allowed: str) -> None:
        raise InvalidInputError(f"{self.info.name}.{name}={getattr(self, name)!r} given; it takes {allowed}")


def _rank(cells: Cells, values: csr_array) -> NDArray[np.integer]:
    if cells.rank is not None:
        return cells.rank
    natural = with_data(values, np.expm1(values.data, dtype=np.float64)) if cells.layer == "lognorm" else values
    return dispersion_rank(natural)
