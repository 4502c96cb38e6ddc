"""The user's own cells."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar

from bench.data.store import Store
from bench.errors import InvalidInputError, MissingDataError
from bench.metadata import DatasetInfo

from ._cells import LAYERS, Cells, CellsDataset
from ._cells_files import read_h5ad, read_npz

_SUFFIXES = (".npz", ".h5ad")


class OwnCells(CellsDataset):
    """Cells of a file of yours: ``bench run --datasets cells --set cells.path=FILE ...``.

    Two formats: a NumPy archive as :mod:`bench.datasets._cells_files` describes it, or AnnData (``.h5ad``, with the
    extra ``scrna``). The further parameters, the steps from counts to samples, are those of every single-cell set.

    Parameters
    ----------
    path : str
        The file. Records hold its name and the hash of its content.
    label : str
        Its classes, for evaluation: an array of the archive, or a column of AnnData's ``obs``. Empty for none; then
        ACC and NMI are dashes, and `k` has to be given.
    sensitive : str
        Its groups, for example ``"batch"``: an array, or a column of ``obs``.
    k : int, optional
        Number of clusters to ask for; by default the number of classes.
    values : {"auto", "counts", "lognorm"}
        What the matrix holds. "auto": what an archive says; in AnnData, counts where all values are whole numbers,
        else logarithms of normalised counts.
    matrix : str, optional
        Name in AnnData's ``layers`` of the matrix to take, for example ``"counts"``; by default ``X``.
    """

    info = DatasetInfo(
        name="cells",
        title="Your cells",
        target="label column",
        sensitive="sensitive column",
        kind="vector",
        licence="as its owner says",
        own_file=True,
    )
    local_params: ClassVar[tuple[str, ...]] = ("path",)

    def __init__(
        self,
        path: str = "",
        label: str = "label",
        sensitive: str = "group",
        k: int | None = None,
        values: str = "auto",
        matrix: str | None = None,
        n_genes: int | None = 2000,
        normalise: bool | None = None,
        log: bool | None = None,
        scale: bool = False,
        n_components: int | None = None,
        bound: str | None = "tanh",
    ) -> None:
        super().__init__(n_genes, normalise, log, scale, n_components, bound)
        self.path = path
        self.label = label
        self.sensitive = sensitive
        self.k = k
        self.values = values
        self.matrix = matrix

    def read(self, store: Store) -> tuple[Cells, str]:
        """Cells of the file; the store is not asked."""
        path = self._file()
        if self.k is not None and (isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1):
            raise InvalidInputError(f"cells.k={self.k!r} given; it takes a whole number of clusters, at least 1")
        if self.values not in ("auto", *LAYERS):
            raise InvalidInputError(f"cells.values={self.values!r} given; it takes auto, {', '.join(LAYERS)}")
        if not self.label and self.k is None:
            raise InvalidInputError("neither classes nor their number given; set cells.label or cells.k")
        label, layer = self.label or None, None if self.values == "auto" else self.values
        if path.suffix.lower() == ".h5ad":
            cells = read_h5ad(path, label, self.sensitive, layer, self.matrix)
        elif self.matrix is not None:
            raise InvalidInputError(f"cells.matrix={self.matrix!r} given; {path.name} has one matrix, leave it out")
        else:
            cells = read_npz(path, label, self.sensitive, layer)
        classes = f"classes '{label}'" if label else "no classes"
        return cells, f"{path.name}: groups '{self.sensitive}', {classes}"

    def clusters(self) -> int | None:
        """Number of clusters that was asked for."""
        return self.k

    def origin(self) -> dict[str, str]:
        """Hash of the file's content, and the package that reads it."""
        path = self._file()
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"sha256": content, **({"anndata": _anndata()} if path.suffix.lower() == ".h5ad" else {})}

    def _file(self) -> Path:
        if not self.path:
            raise MissingDataError(
                "no file is named: --set cells.path=FILE takes an .npz or .h5ad of yours, "
                "--set cells.label=NAME and --set cells.sensitive=NAME say which of its columns to use"
            )
        path = Path(self.path).expanduser()
        if path.suffix.lower() not in _SUFFIXES:
            raise InvalidInputError(f"cells.path={path} given; it takes a file that ends in {' or '.join(_SUFFIXES)}")
        if not path.is_file():
            raise InvalidInputError(f"cells.path={path} is no file; name one that exists")
        return path


def _anndata() -> str:
    try:
        return version("anndata")
    except PackageNotFoundError:
        return "not installed"
