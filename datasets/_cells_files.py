"""Files of single cells: NumPy archives of the format below, and AnnData.

A NumPy archive (``numpy.savez_compressed``, no pickled objects) holds

* ``data``, ``indices``, ``indptr``, ``shape``: a CSR matrix, cells by genes;
* ``layer`` (): ``"counts"``, or ``"lognorm"`` for ``log(1 + 1e4 x / total)``;
* ``label`` and ``group``, (cells,): class and group of each cell, as values, or as integers that index
  ``label_names`` and ``group_names``;
* if known, ``total_counts`` (cells,), over all genes that were measured, and ``hvg_rank`` (genes,), 0 for the most
  variable gene.

More arrays (``cells``, ``genes``, ``meta``) may be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

from bench.errors import BenchError, InvalidInputError

from ._cells import LAYERS, Cells
from ._table_files import missing_column, read_arrays

__all__ = ["named_values", "read_h5ad", "read_npz"]

_MATRIX = ("data", "indices", "indptr", "shape")


def read_npz(path: Path, label: str | None = "label", sensitive: str = "group", layer: str | None = None) -> Cells:
    """Read a NumPy archive of cells.

    Parameters
    ----------
    path : Path
        The file, see the module's description.
    label : str or None
        Array of the classes; None for none.
    sensitive : str
        Array of the groups.
    layer : {"counts", "lognorm"}, optional
        What the matrix holds, in place of the file's own ``layer``.

    Raises
    ------
    InvalidInputError
        If it cannot be read, lacks an array, or these do not fit each other.
    """
    arrays = read_arrays(path)
    for name in (*_MATRIX, *(() if layer else ("layer",))):
        if name not in arrays:
            raise InvalidInputError(f"{path.name} has no array '{name}'; cells take {', '.join(_MATRIX)} and layer")
    ranked = arrays.get("hvg_rank")
    return Cells(
        source=path.name,
        values=_matrix(path, arrays),
        layer=layer or str(arrays["layer"]),
        groups=named_values(path, arrays, "sensitive", sensitive),
        classes=None if label is None else named_values(path, arrays, "label", label),
        totals=_numbers(path, "total_counts", arrays["total_counts"]) if "total_counts" in arrays else None,
        rank=None if ranked is None else _numbers(path, "hvg_rank", ranked).argsort(kind="stable").argsort(),
    )


def named_values(path: Path, arrays: Mapping[str, NDArray[Any]], parameter: str, key: str) -> NDArray[Any]:
    """Values of the array `key`: names where it holds ids and ``{key}_names`` is there.

    Raises
    ------
    InvalidInputError
        If it is not there, or holds an id without a name.
    """
    if key not in arrays:
        raise missing_column(path, parameter, key, arrays)
    ids, names = arrays[key], arrays.get(f"{key}_names")
    if names is None:
        return ids
    if ids.dtype.kind not in "iu" or names.ndim != 1:
        raise InvalidInputError(
            f"{path.name}: {key} is {ids.dtype} {ids.shape} and {key}_names {names.dtype} {names.shape}; "
            f"it takes integers, one a cell, that index the names"
        )
    if ids.size and (ids.min() < 0 or ids.max() >= len(names)):
        raise InvalidInputError(
            f"{path.name}: {key} runs from {ids.min()} to {ids.max()}, and {key}_names has {len(names)} names; "
            "drop the cells without a name, or name them"
        )
    values: NDArray[Any] = names[ids]
    return values


def read_h5ad(path: Path, label: str | None, sensitive: str, layer: str | None, matrix: str | None = None) -> Cells:
    """Read an AnnData file.

    Parameters
    ----------
    path : Path
        The ``.h5ad`` file.
    label : str or None
        Column of ``obs`` with the classes; None for none.
    sensitive : str
        Column of ``obs`` with the groups.
    layer : {"counts", "lognorm"}, optional
        What the matrix holds; by default counts where all values are whole numbers, else logarithms.
    matrix : str, optional
        Name in ``layers`` of the matrix to take; by default ``X``.

    Raises
    ------
    InvalidInputError
        If it cannot be read, or lacks what is asked for.
    BenchError
        If anndata is not installed.
    """
    annotated = _annotated(path)
    if matrix is not None and matrix not in annotated.layers:
        raise missing_column(path, "matrix", matrix, annotated.layers.keys())
    values = annotated.X if matrix is None else annotated.layers[matrix]
    if values is None:
        raise InvalidInputError(
            f"{path.name} has no X; name one of its layers: {', '.join(annotated.layers) or 'none'}"
        )
    counts = _sparse(path, values)
    whole = bool((counts.data == np.rint(counts.data)).all())
    return Cells(
        source=path.name,
        values=counts,
        layer=layer or LAYERS[0 if whole else 1],
        groups=_column(path, annotated.obs, "sensitive", sensitive),
        classes=None if label is None else _column(path, annotated.obs, "label", label),
    )


def _matrix(path: Path, arrays: Mapping[str, NDArray[Any]]) -> csr_array:
    data, indices, indptr, shape = (arrays[name] for name in _MATRIX)
    with np.errstate(over="ignore"):
        numbers = _numbers(path, "data", data).astype(np.float32)
    if shape.shape != (2,) or any(array.dtype.kind not in "iu" for array in (shape, indices, indptr)):
        raise InvalidInputError(f"{path.name}: shape, indices and indptr are integers, and shape is (cells, genes)")
    try:
        matrix = csr_array((numbers, indices, indptr), shape=(int(shape[0]), int(shape[1])))
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise InvalidInputError(f"{path.name}: {', '.join(_MATRIX)} form no CSR matrix: {error}") from None
    for axis, name in enumerate(("cells", "genes")):
        if name in arrays and arrays[name].shape != (matrix.shape[axis],):
            raise InvalidInputError(f"{path.name}: {name} has shape {arrays[name].shape}, the matrix {matrix.shape}")
    matrix.sum_duplicates()
    return matrix


def _sparse(path: Path, values: Any) -> csr_array:
    if not issparse(values) and np.ndim(values) != 2:
        raise InvalidInputError(f"{path.name}: its matrix has {np.ndim(values)} dimensions; it takes cells x genes")
    matrix = csr_array(values)
    _numbers(path, "its matrix", matrix.data)
    with np.errstate(over="ignore"):
        return matrix.astype(np.float32)


def _numbers(path: Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "iuf":
        raise InvalidInputError(f"{path.name}: {name} is of type {array.dtype}; it takes numbers")
    return array


def _annotated(path: Path) -> Any:
    try:
        anndata = import_module("anndata")
    except ImportError:
        raise BenchError(
            f"{path.name}: .h5ad files need anndata, which is not installed; "
            "pip install fair-clustering-bench[scrna], or save the cells as .npz"
        ) from None
    try:
        return anndata.read_h5ad(path)
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InvalidInputError(f"{path.name} cannot be read as AnnData ({first}); write it again") from None


def _column(path: Path, table: Any, parameter: str, name: str) -> NDArray[Any]:
    if name not in table.columns:
        raise missing_column(path, parameter, name, map(str, table.columns))
    column = table[name]
    missing = int(column.isna().sum())
    if missing:
        raise InvalidInputError(f"{path.name}: {name} lacks a value for {missing} cells; drop or name them")
    values: NDArray[Any] = np.asarray(column.tolist())
    return values
