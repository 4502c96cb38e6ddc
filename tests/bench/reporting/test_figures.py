from __future__ import annotations

import builtins
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError, InvalidInputError
from bench.reporting.figures import Panel, embedding_figure

pytest.importorskip("matplotlib", reason="figures need matplotlib, an optional extra")


def panel(n: int = 60, *, title: str = "before", **changes: Any) -> Panel:
    rng = np.random.default_rng(0)
    classes = np.arange(n) % 3
    return Panel(
        title,
        rng.normal(size=(n, 4)) + 5 * np.eye(4)[classes],
        classes,
        np.arange(n) % 2,
        ("0", "1", "2"),
        ("left", "right"),
    )._replace(**changes)


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_equal_input_gives_equal_files_without_dates(tmp_path: Path, ending: str, magic: bytes) -> None:
    panels = [panel(), panel(title="after")]
    files = [embedding_figure(panels, tmp_path / f"{name}.{ending}") for name in ("a", "b")]
    first, second = (file.read_bytes() for (file,) in files)
    assert first == second
    assert first.startswith(magic)
    assert b"CreationDate" not in first


def test_without_an_ending_both_are_written_under_a_head(tmp_path: Path) -> None:
    files = embedding_figure([panel()], tmp_path / "figure", title="Embedding of Blobs", budget="FCMI: seed 0")
    assert [file.name for file in files] == ["figure.png", "figure.pdf"]
    bare = embedding_figure([panel()], tmp_path / "bare.png")
    assert files[0].read_bytes() != bare[0].read_bytes()


def test_umap_is_asked_for_a_seed_one_thread_and_few_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    class Flat:
        def __init__(self, **options: Any) -> None:
            asked.append(options)

        def fit_transform(self, X: np.ndarray) -> np.ndarray:
            return X[:, :2]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Flat))
    drawn = [embedding_figure([panel(10)], tmp_path / f"{how}.png", projection=how, seed=3) for how in ("umap", "tsne")]
    assert asked == [{"n_neighbors": 9, "random_state": 3, "n_jobs": 1}]
    assert drawn[0][0].read_bytes() != drawn[1][0].read_bytes()
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(BenchError, match=r"pip install fair-clustering-bench\[umap\]"):
        embedding_figure([panel()], tmp_path / "figure.png", projection="umap")


def test_more_samples_than_max_points_are_thinned_out(tmp_path: Path) -> None:
    (few,) = embedding_figure([panel(200)], tmp_path / "few.pdf", max_points=20)
    (many,) = embedding_figure([panel(200)], tmp_path / "many.pdf", max_points=200)
    assert len(few.read_bytes()) < len(many.read_bytes())


def test_pyplot_keeps_its_state(tmp_path: Path) -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    embedding_figure([panel()], tmp_path / "figure.png")
    assert plt.get_fignums() == before


def test_global_random_state_is_left_alone(tmp_path: Path) -> None:
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    embedding_figure([panel()], tmp_path / "figure.png")
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("embedding", [np.zeros((60, 3)), np.arange(60.0)[:, None]])
def test_collapsed_and_one_dimensional_embeddings_are_drawn(tmp_path: Path, embedding: Any) -> None:
    assert embedding_figure([panel(embedding=embedding)], tmp_path / "figure.png")[0].exists()


def test_many_groups_and_long_class_names_are_drawn(tmp_path: Path) -> None:
    many = panel(groups=np.arange(60) % 30, group_names=[f"subject {i}" for i in range(30)])
    named = panel(class_names=("walking", "standing", "lying"))
    assert embedding_figure([many, named], tmp_path / "new folder" / "figure.png")[0].exists()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"classes": np.zeros(59, dtype=int)}, "do not fit together"),
        ({"embedding": np.zeros(60)}, "do not fit together"),
        ({"embedding": np.full((60, 2), np.nan)}, "all finite"),
        ({"class_names": ("0", "1")}, "ids 0-2 given for 2 names"),
        ({"groups": np.arange(60) % 2 - 1}, "ids -1-0 given for 2 names"),
    ],
)
def test_panels_that_make_no_sense_are_refused(tmp_path: Path, changes: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        embedding_figure([panel(**changes)], tmp_path / "figure.png")


def test_too_few_samples_no_panels_and_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="at least 5 samples"):
        embedding_figure([panel()], tmp_path / "figure.png", max_points=4)
    with pytest.raises(InvalidInputError, match="no panels"):
        embedding_figure([], tmp_path / "figure.png")
    with pytest.raises(InvalidInputError, match=r"\.png or \.pdf"):
        embedding_figure([panel()], tmp_path / "figure.jpg")


def test_unwritable_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot be written"):
        embedding_figure([panel()], tmp_path / "file" / "figure.png")


def test_missing_matplotlib_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_matplotlib(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(BenchError, match=r"pip install fair-clustering-bench\[plot\]"):
        embedding_figure([panel()], tmp_path / "figure.png")
