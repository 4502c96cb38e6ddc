"""Cells of the user's own as AnnData."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.datasets.cells import OwnCells
from scipy.sparse import csr_matrix

from bench.adapters import FairData
from bench.data.store import Store
from bench.errors import BenchError, InvalidInputError

N, GENES = 40, 12


def counts_of() -> np.ndarray:
    means = np.full((N, GENES), 1.0)
    means[::2, :4] = 8.0
    means[1::2, 4:8] = 8.0
    return np.random.default_rng(0).poisson(means).astype(np.float32)


def load(path: Path, **params: Any) -> FairData:
    return OwnCells(path=str(path), **params).load(Store(()))


def archive(path: Path) -> Path:
    """The same cells as a NumPy archive."""
    matrix = csr_matrix(counts_of())
    parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": np.array(matrix.shape)}
    np.savez(path, **parts, layer=np.array("counts"), label=np.arange(N) % 2, group=np.repeat([3, 7], N // 2))
    return path


def test_without_anndata_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own.h5ad"
    path.write_bytes(b"")

    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("bench.datasets._cells_files.import_module", absent)
    with pytest.raises(BenchError, match=r"pip install fair-clustering-bench\[scrna\]"):
        load(path)


def write_h5ad(path: Path, X: Any, **layers: Any) -> Path:
    anndata = pytest.importorskip("anndata", reason="the extra scrna (anndata) is not installed")
    import pandas as pd

    # Strings as objects: not every version of anndata writes the strings of every version of pandas.
    names = pd.Index(["alpha", "beta"], dtype=object)
    obs = pd.DataFrame(
        {
            "type": pd.Categorical.from_codes([0, 1] * (N // 2), names),
            "batch": np.repeat([3, 7], N // 2),
            "donor": pd.Categorical.from_codes([0, -1] * (N // 2), names),
        },
        index=pd.Index([f"cell {i}" for i in range(N)], dtype=object),
    )
    var = pd.DataFrame(index=pd.Index([f"gene {i}" for i in range(GENES)], dtype=object))
    with warnings.catch_warnings():
        # Third-party: versions of anndata and pandas warn of each other.
        warnings.simplefilter("ignore")
        anndata.AnnData(X=X, obs=obs, var=var, layers=layers).write_h5ad(path)
    return path


@pytest.mark.parametrize("form", ["csr", "csc", "dense"])
def test_h5ad_gives_what_the_archive_gives(tmp_path: Path, form: str) -> None:
    counts = csr_matrix(counts_of())
    X = {"csr": counts, "csc": counts.tocsc(), "dense": counts.toarray()}[form]
    data = load(write_h5ad(tmp_path / "own.h5ad", X), label="type", sensitive="batch")
    same = load(archive(tmp_path / "own.npz"))
    assert np.array_equal(data.X, same.X)
    assert data.y.tolist() == same.y.tolist()
    assert data.group_names == ("3", "7")
    assert data.class_names == ("alpha", "beta")
    assert data.note.startswith("own.h5ad: groups 'batch', classes 'type'; preparation: counts, library size")


def test_h5ad_takes_a_layer_by_name_and_logs_as_logs(tmp_path: Path) -> None:
    counts = counts_of()
    logs = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    path = write_h5ad(tmp_path / "own.h5ad", logs, counts=counts)
    columns = {"label": "type", "sensitive": "batch"}
    assert pytest.approx(load(path, matrix="counts", **columns).X, abs=1e-5) == load(path, **columns).X
    with pytest.raises(InvalidInputError, match=r"has no 'count' \(matrix\)\. Did you mean 'counts'\?"):
        load(path, matrix="count", **columns)
    with pytest.raises(InvalidInputError, match="log-normalised already"):
        load(path, normalise=True, **columns)


def test_h5ad_refuses_what_the_archive_refuses(tmp_path: Path) -> None:
    counts = counts_of()
    path = write_h5ad(tmp_path / "own.h5ad", counts - 1)
    with pytest.raises(InvalidInputError, match="go down to -1"):
        load(path, label="type", sensitive="batch")
    path = write_h5ad(tmp_path / "own.h5ad", counts)
    with pytest.raises(InvalidInputError, match="donor lacks a value for 20 cells"):
        load(path, label="type", sensitive="donor")
    with pytest.raises(InvalidInputError, match=r"has no 'batches' \(sensitive\)\. Did you mean 'batch'\?"):
        load(path, label="type", sensitive="batches")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InvalidInputError, match="cannot be read as AnnData"):
        load(path, label="type", sensitive="batch")
    (tmp_path / "text.h5ad").write_text("cells")
    with pytest.raises(InvalidInputError, match="cannot be read as AnnData"):
        load(tmp_path / "text.h5ad", label="type", sensitive="batch")
