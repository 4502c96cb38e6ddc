"""The picture of a data set's card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.data.card import prepared_data
from bench.data.store import Store
from bench.errors import BenchError, InvalidInputError
from bench.registry import Registry
from bench.reporting.cards import _sample, card_figure

pytest.importorskip("matplotlib", reason="figures need matplotlib, an optional extra")

BUILT_IN = Registry().datasets
NOWHERE = Store(())


def draw(path: Path, name: str = "blobs", **params: object) -> bytes:
    return card_figure(prepared_data(BUILT_IN[name], NOWHERE, params), path, title="A title").read_bytes()


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_equal_data_equal_file(tmp_path: Path, ending: str, magic: bytes) -> None:
    first, second = (draw(tmp_path / f"{name}.{ending}") for name in "ab")
    assert first == second
    assert first.startswith(magic)


@pytest.mark.parametrize(
    "params", [{"n_groups": 1}, {"n_groups": 6}, {"n_groups": 30}, {"n_groups": 60}, {"k": 1}, {"k": 70}]
)
def test_any_number_of_classes_and_groups_is_drawn(tmp_path: Path, params: dict[str, int]) -> None:
    assert draw(tmp_path / "a.png", **params) != draw(tmp_path / "b.png")


def test_images_are_shown_by_group_and_class(tmp_path: Path) -> None:
    data = prepared_data(BUILT_IN["reverse_mnist_5k"], NOWHERE)
    shown = _sample(data)
    side = 28 + 2 * 2
    assert shown.shape == (4 * side, 10 * side, 3)
    corners = [shown[row * side + 2, column * side + 2, 0] for row in range(4) for column in range(10)]
    # The background of digits is black, and white in the inverted copies below them.
    assert corners == [0.0] * 20 + [1.0] * 20
    card_figure(data, tmp_path / "a.png", title="5k")


def test_a_cell_without_samples_stays_white_and_colours_are_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    X = np.zeros((3, 3, 4, 4), dtype=np.float32)
    X[:, 0] = 1.0
    X[:, 1] = -1.0
    np.savez(path, X=X, sensitive=["f", "f", "m"], y=["$a", "b$", "b$"])
    data = prepared_data(BUILT_IN["file"], NOWHERE, {"path": str(path)})
    shown = _sample(data)
    assert shown[4, 4].tolist() == [1.0, 0.0, 0.5]
    # Class "$a" has one sample in group "f" and none in group "m".
    assert (shown[8:16, :8] == 1).all()
    assert (shown[16:, :8] == 1).all()
    card_figure(data, tmp_path / "a.png", title="1 $ and 2 $")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"name it \.png or \.pdf"):
        draw(tmp_path / "a.svg")
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="cannot be written"):
        draw(tmp_path / "file" / "a.png")
