"""Cells of the user's own as npz, and what is refused; the same format as the five sets have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.datasets._cells_steps import dispersion_rank, library_size
from bench.datasets.cells import OwnCells
from scipy.sparse import csr_array

from bench.adapters import FairData
from bench.conformance.shared import parameters_round_trip
from bench.data.store import Store
from bench.errors import InvalidInputError, MissingDataError
from bench.registry import Registry

N, GENES = 40, 12


def counts_of() -> np.ndarray:
    """Two types in two batches; the second batch is sequenced three times as deep."""
    rng = np.random.default_rng(0)
    means = np.full((N, GENES), 1.0)
    means[::2, :4] = 8.0
    means[1::2, 4:8] = 8.0
    means[N // 2 :] *= 3
    counts = rng.poisson(means)
    counts[:, -1] = 0
    return counts


def sound_arrays(counts: np.ndarray | None = None) -> dict[str, Any]:
    matrix = csr_array(counts_of() if counts is None else counts)
    return {
        "data": matrix.data.astype(np.uint16),
        "indices": matrix.indices,
        "indptr": matrix.indptr,
        "shape": np.array(matrix.shape),
        "layer": np.array("counts"),
        "cells": np.array([f"cell {i}" for i in range(N)]),
        "genes": np.array([f"gene {i}" for i in range(GENES)]),
        "label": np.arange(N, dtype=np.int16) % 2,
        "label_names": np.array(["beta", "alpha"]),
        "group": np.repeat([0, 1], N // 2).astype(np.int16),
        "group_names": np.array(["shallow", "deep"]),
        "total_counts": np.asarray(matrix.sum(axis=1)).astype(np.float64),
        "meta": np.array("{}"),
    }


def write(path: Path, **changes: Any) -> Path:
    """A file of cells with `changes`; None leaves an array out."""
    arrays = {**sound_arrays(), **changes}
    np.savez_compressed(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def load(path: Path, **params: Any) -> FairData:
    return OwnCells(path=str(path), **params).load(Store(()))


def test_counts_become_samples_in_the_range_of_a_tanh(tmp_path: Path) -> None:
    data = load(write(tmp_path / "own.npz"))
    assert data.X.shape == (N, GENES)
    assert data.X.dtype == np.float32
    assert np.abs(data.X).max() <= 1
    assert (data.k, data.n_groups) == (2, 2)
    assert data.class_names == ("alpha", "beta")
    assert data.y.tolist() == [1, 0] * (N // 2)
    assert data.group_names == ("deep", "shallow")
    assert data.sensitive.tolist() == [1] * (N // 2) + [0] * (N // 2)
    assert data.note == (
        "own.npz: groups 'group', classes 'label'; preparation: counts, library size 10,000, log(1 + x), tanh"
    )


def test_normalisation_and_logarithm_by_hand(tmp_path: Path) -> None:
    counts = counts_of().astype(float)
    totals = 2 * counts.sum(axis=1)
    path = write(tmp_path / "own.npz", total_counts=totals)
    expected = np.log1p(1e4 * counts / totals[:, np.newaxis])
    assert pytest.approx(expected, rel=1e-6) == load(path, bound=None).X
    assert pytest.approx(np.log1p(counts), rel=1e-6) == load(path, bound="none", normalise=False).X
    assert pytest.approx(counts) == load(path, bound="none", normalise=False, log=False).X
    assert pytest.approx(np.expm1(expected), rel=1e-5) == load(path, bound="none", log=False).X


def test_without_totals_the_sums_of_the_file_divide(tmp_path: Path) -> None:
    X = load(write(tmp_path / "own.npz", total_counts=None), bound=None, log=False).X
    assert X.sum(axis=1) == pytest.approx(np.full(N, 1e4), rel=1e-5)


def test_the_files_own_ranking_of_genes_is_used(tmp_path: Path) -> None:
    rank = np.arange(GENES)[::-1]
    X = load(write(tmp_path / "own.npz", hvg_rank=rank), n_genes=3, bound=None, normalise=False, log=False).X
    assert np.array_equal(X, counts_of()[:, -3:])


def test_without_a_ranking_dispersion_after_normalisation_decides(tmp_path: Path) -> None:
    counts = csr_array(counts_of().astype(np.float32))
    rank = dispersion_rank(library_size(counts, np.asarray(counts.sum(axis=1), dtype=np.float64)))
    X = load(write(tmp_path / "own.npz"), n_genes=4, bound=None, log=False).X
    own = load(write(tmp_path / "own.npz"), n_genes=None, bound=None, log=False).X
    assert np.array_equal(X, own[:, rank < 4])


def test_logarithms_of_a_file_give_what_its_counts_give(tmp_path: Path) -> None:
    counts = counts_of().astype(float)
    logs = csr_array(np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True)))
    path = write(
        tmp_path / "logs.npz",
        data=logs.data.astype(np.float32),
        layer=np.array("lognorm"),
        total_counts=np.full(N, np.nan),
    )
    plain = write(tmp_path / "own.npz")
    for n_genes in (2000, 5):
        assert pytest.approx(load(plain, n_genes=n_genes).X, abs=1e-5) == load(path, n_genes=n_genes).X


def test_scaling_components_and_bounds_come_in_this_order(tmp_path: Path) -> None:
    path = write(tmp_path / "own.npz")
    assert load(path, scale=True, bound=None).X.std(axis=0, ddof=1)[:4] == pytest.approx(np.ones(4), rel=1e-4)
    data = load(path, scale=True, n_components=3, bound="minmax")
    assert data.X.shape == (N, 3)
    assert (data.X.min(), data.X.max()) == (-1, 1)
    assert data.note.endswith("log(1 + x), z-scores of genes, 3 principal components, minmax")


def test_ids_values_and_other_columns_do(tmp_path: Path) -> None:
    tissue = np.array(["gut", "lung", "skin", "gut"] * (N // 4))
    path = write(tmp_path / "own.npz", tissue=tissue)
    data = load(path, label="tissue", sensitive="label")
    assert (data.k, data.class_names, data.group_names) == (3, ("gut", "lung", "skin"), ("alpha", "beta"))


def test_without_classes_k_is_given(tmp_path: Path) -> None:
    path = write(tmp_path / "own.npz", label=None, label_names=None)
    data = load(path, label="", k=5)
    assert (data.y, data.k) == (None, 5)
    with pytest.raises(InvalidInputError, match=r"set cells\.label or cells\.k"):
        load(path, label="")


def test_the_cache_follows_the_content_and_records_the_name_only(tmp_path: Path) -> None:
    path = write(tmp_path / "own.npz")
    first = OwnCells(path=str(path)).origin()
    write(path, label_names=np.array(["a", "b"]))
    assert OwnCells(path=str(path)).origin() != first
    assert OwnCells.portable({"path": str(path), "k": 3}) == {"path": "own.npz", "k": 3}


def test_no_file_named_is_missing_data() -> None:
    with pytest.raises(MissingDataError, match=r"--set cells\.path=FILE"):
        OwnCells().load(Store(()))
    parameters_round_trip(Registry().datasets["cells"])


def _object_array() -> np.ndarray:
    return np.array(["a", {"b": 1}] * (N // 2), dtype=object)


WRONG = {
    "missing keys": ({"indptr": None}, r"has no array 'indptr'; cells take data, indices, indptr, shape and layer"),
    "no layer": ({"layer": None}, "has no array 'layer'"),
    "unknown layer": ({"layer": np.array("tpm")}, "its layer is 'tpm'; it takes counts or lognorm"),
    "no label": ({"label": None}, r"has no 'label' \(label\).*It has"),
    "no group": ({"group": None}, r"has no 'group' \(sensitive\)"),
    "pickled": ({"label": _object_array(), "label_names": None}, "cannot be read as npz.*allow_pickle"),
    "negative": ({"data": np.full(len(sound_arrays()["data"]), -2.0)}, "go down to -2; counts are not negative"),
    "NaN": ({"data": np.full(len(sound_arrays()["data"]), np.nan)}, "hold NaN or infinities"),
    "beyond float32": ({"data": np.full(len(sound_arrays()["data"]), 1e300)}, "hold NaN or infinities"),
    "text": ({"data": np.full(len(sound_arrays()["data"]), "x")}, "data is of type <U1; it takes numbers"),
    "all zero": ({"data": np.zeros(len(sound_arrays()["data"]))}, "all its values are 0"),
    "NaN totals": (
        {"total_counts": np.where(np.arange(N) == 3, np.nan, 5.0)},
        r"total_counts of 1 cells is NaN, infinite or not positive \(the first is cell 3: nan\)",
    ),
    "totals of others": ({"total_counts": np.ones(3)}, r"total_counts has shape \(3,\); 40 cells and 12 genes"),
    "text as totals": ({"total_counts": np.full(N, "x")}, "total_counts is of type <U1"),
    "rank of others": ({"hvg_rank": np.arange(5)}, r"hvg_rank has shape \(5,\)"),
    "short indptr": ({"indptr": np.arange(5)}, "form no CSR matrix"),
    "falling indptr": ({"indptr": sound_arrays()["indptr"][::-1].copy()}, "form no CSR matrix"),
    "gene out of range": ({"indices": sound_arrays()["indices"] + 99}, "form no CSR matrix"),
    "three dimensions": ({"shape": np.array([2, 3, 4])}, r"shape is \(cells, genes\)"),
    "fractional indices": ({"indices": sound_arrays()["indices"] + 0.5}, "are integers"),
    "other shape": ({"shape": np.array([N, GENES + 1])}, r"genes has shape \(12,\), the matrix \(40, 13\)"),
    "labels of others": ({"label": np.zeros(3, dtype=int)}, r"the label has shape \(3,\)"),
    "id without name": ({"label": np.full(N, 2)}, "label runs from 2 to 2, and label_names has 2 names"),
    "unlabelled": ({"label": np.full(N, -1)}, "label runs from -1 to -1"),
    "ids as fractions": ({"group": np.full(N, 0.5)}, "it takes integers, one a cell, that index the names"),
    "one batch": ({"group": np.zeros(N, dtype=int)}, "all 40 cells belong to one group, 'shallow'"),
    "counts as logs": (
        {"layer": np.array("lognorm"), "data": np.full(len(sound_arrays()["data"]), 99.0)},
        "go up to 99",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_malformed_file_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    changes, message = WRONG[case]
    path = write(tmp_path / "own.npz", **changes)
    with pytest.raises(InvalidInputError, match=message) as refused:
        load(path)
    assert "\n" not in str(refused.value)
    assert "own.npz" in str(refused.value)


def test_a_cell_without_counts_is_refused(tmp_path: Path) -> None:
    counts = counts_of()
    counts[7] = 0
    path = tmp_path / "own.npz"
    np.savez(path, **{name: array for name, array in sound_arrays(counts).items() if name != "total_counts"})
    with pytest.raises(InvalidInputError, match=r"the sum of counts of 1 cells is .* cell 7: 0\); drop these cells$"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no archive at all"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"own\.npz cannot be read as npz"):
        load(path)


def test_half_an_archive_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "own.npz")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InvalidInputError, match="cannot be read as npz"):
        load(path)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_genes": 0}, r"cells\.n_genes=0 given; it takes a whole number of at least 1"),
        ({"n_genes": True}, r"cells\.n_genes=True"),
        ({"n_components": 2.5}, r"cells\.n_components=2\.5"),
        ({"n_components": 13}, "it takes at most 12 for 40 cells and 12 genes"),
        ({"bound": "sigmoid"}, r"cells\.bound='sigmoid' given; it takes tanh, minmax, none, None"),
        ({"scale": 1}, r"cells\.scale=1 given; it takes True, False"),
        ({"log": "yes"}, r"cells\.log='yes'"),
        ({"k": 0}, r"cells\.k=0 given"),
        ({"values": "tpm"}, r"cells\.values='tpm' given; it takes auto, counts, lognorm"),
        ({"matrix": "counts"}, "has one matrix, leave it out"),
        ({"sensitive": "grup"}, r"has no 'grup' \(sensitive\)\. Did you mean 'group'\?"),
    ],
)
def test_wrong_parameters_are_refused(tmp_path: Path, params: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        load(write(tmp_path / "own.npz"), **params)


@pytest.mark.parametrize("step", ["normalise", "log"])
def test_logarithms_are_not_normalised_again(tmp_path: Path, step: str) -> None:
    logs = np.log1p(sound_arrays()["data"].astype(float))
    path = write(tmp_path / "own.npz", layer=np.array("lognorm"), data=logs)
    with pytest.raises(InvalidInputError, match=rf"log-normalised already, cells\.{step}=true is for counts"):
        load(path, **{step: True})


@pytest.mark.parametrize(("name", "message"), [("own.csv", "ends in .npz or .h5ad"), ("none.npz", "is no file")])
def test_another_path_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        load(tmp_path / name)


def test_all_equal_values_cannot_be_bounded(tmp_path: Path) -> None:
    counts = np.ones((N, GENES), dtype=int)
    path = tmp_path / "own.npz"
    np.savez(path, **sound_arrays(counts))
    with pytest.raises(InvalidInputError, match="all values are equal after these steps: counts, library size"):
        load(path)


def test_the_run_command_takes_cells(tmp_path: Path, cli, results: Path) -> None:
    path = write(tmp_path / "own.npz")
    done = cli(
        "run", "--methods", "kmeans", "--datasets", "cells", "--set", f"cells.path={path}", "--results", results,
        "--tracking-uri", "none",
    )  # fmt: skip
    assert done.code == 0, done.err
