from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bench
from bench.errors import BenchError, InvalidInputError, UnknownNameError
from bench.registry import Registry

Write = Callable[[str, str], Path]


def test_built_in_adapters_are_found_under_their_names() -> None:
    registry = Registry()
    assert {"random", "one_cluster", "by_group", "kmeans", "ae_kmeans", "fcmi"} <= set(registry.methods)
    assert {"mnist_optdigits", "reverse_mnist_5k", "reverse_digits", "blobs"} <= set(registry.datasets)
    assert bench.get_method("fcmi").info.name == "fcmi"
    assert bench.get_dataset("reverse-digits").info.n == 3594
    assert bench.load_dataset("blobs", n=50, k=4).k == 4


def test_no_method_is_called_truth() -> None:
    assert "truth" not in Registry().methods


@pytest.mark.parametrize(("name", "near"), [("fmci", "fcmi"), ("k-mean", "kmeans"), ("AE_kmean", "ae_kmeans")])
def test_unknown_name_offers_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"Did you mean '{near}'"):
        bench.get_method(name)


def test_hyphens_and_capitals_do_not_matter() -> None:
    assert Registry().get("method", "AE-kmeans").name == "ae_kmeans"


def test_reading_the_registry_imports_neither_torch_nor_mlflow_nor_scikit_learn() -> None:
    code = (
        "import sys; from bench.registry import Registry; r = Registry(); assert r.methods and r.datasets;"
        "print([m for m in ('torch', 'mlflow', 'sklearn', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_plugin_runs_with_helpers_beside_it(write_plugin: Write) -> None:
    write_plugin("_numbers", "ANSWER = 1\n")
    folder = write_plugin(
        "mine",
        """
        import numpy as np
        from bench.adapters import Method
        from bench.metadata import MethodInfo
        from ._numbers import ANSWER

        class Mine(Method):
            info = MethodInfo(name="mine", title="Mine")

            def __init__(self, n_clusters=8):
                self.n_clusters = n_clusters

            def fit(self, X, *, sensitive_features):
                self.labels_ = np.full(len(X), ANSWER)
                return self
        """,
    )
    entry = Registry([folder]).get("method", "mine")
    assert entry.problem == ""
    assert entry.load()(2).fit([[0.0], [1.0]], sensitive_features=[0, 1]).labels_.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("class A(:\n    pass\n", "cannot be read in line 1"),
        ("import not_installed_anywhere\nclass A:\n    info = MethodInfo(name='a', title='A')\n", "not_installed_any"),
        (
            "from bench.metadata import MethodInfo\nclass A:\n    info = MethodInfo(name='a', title='A')\n1/0\n",
            "ZeroDiv",
        ),
        ("NAME = 'a'\nclass A:\n    info = MethodInfo(name=NAME, title='A')\n", "not a literal"),
        ("class A:\n    info = MethodInfo(name='a', titel='A')\n", "titel"),
        ("class A:\n    info = MethodInfo(name='a', title='A', requires=('no_such_pkg',))\n", "no_such_pkg"),
    ],
)
def test_an_adapter_that_cannot_load_is_listed_with_its_reason(write_plugin: Write, text: str, reason: str) -> None:
    registry = Registry([write_plugin("broken", text)])
    (entry,) = [entry for entry in registry.methods.values() if entry.origin.startswith("plug-in")]
    assert reason in entry.problem
    with pytest.raises(BenchError, match="cannot be used"):
        entry.load()


def test_a_name_that_is_taken_is_told(write_plugin: Write) -> None:
    folder = write_plugin(
        "thief",
        """
        from bench.adapters import Method
        from bench.metadata import MethodInfo

        class Thief(Method):
            info = MethodInfo(name="kmeans", title="Not k-means")
        """,
    )
    registry = Registry([folder])
    assert registry.methods["kmeans"].origin == "built in"
    assert "taken" in registry.methods["kmeans@thief"].problem


def test_a_plugin_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="does not exist"):
        Registry([tmp_path / "nowhere"])


def test_entry_points_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stranger.py").write_text(
        "from bench.adapters import Method\nfrom bench.metadata import MethodInfo\n\n\n"
        "class Stranger(Method):\n    info = MethodInfo(name='stranger', title='Stranger')\n"
    )
    info = tmp_path / "stranger_pkg-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger-pkg\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fair_clustering_bench.methods]\nstranger = stranger:Stranger\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry = Registry().get("method", "stranger")
    assert entry.origin == "package stranger-pkg"
    assert entry.load().__name__ == "Stranger"


def test_packages_are_read_not_imported_and_broken_entry_points_told(tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / "stranger_nested"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "sets.py").write_text(
        "from bench.adapters import Dataset\nfrom bench.metadata import DatasetInfo\n\n\n"
        "class Far(Dataset):\n    info = DatasetInfo(name='far', title='Far', target='t', sensitive='s')\n"
    )
    info = tmp_path / "stranger_nested-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger-nested\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[fair_clustering_bench.datasets]\nfar = stranger_nested.sets:Far\nlost = stranger_nested.sets:Lost\n"
        "[fair_clustering_bench.methods]\ngone = stranger_nested.gone:Gone\nnever = no_such_package.at_all:Never\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = Registry()
    assert registry.datasets["far"].origin == "package stranger-nested"
    assert not registry.datasets["far"].problem
    assert "names stranger_nested.sets:Lost, and there is no class" in registry.datasets["lost"].problem
    for name, target in (("gone", "stranger_nested.gone:Gone"), ("never", "no_such_package.at_all:Never")):
        with pytest.raises(BenchError, match=rf"package stranger-nested.*names {target}, and there is no class"):
            registry.get("method", name).load()
    with pytest.raises(BenchError, match="RuntimeError: imported"):
        registry.datasets["far"].load()
