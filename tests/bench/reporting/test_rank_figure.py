"""The critical-difference diagram."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import InvalidInputError
from bench.reporting.rank_figure import rank_figure
from bench.reporting.statistics import Ranks

pytest.importorskip("matplotlib", reason="figures need matplotlib, an optional extra")

RANKS = Ranks((1.4, 2.9, 2.2, 3.5), 9.3, 0.026, 1.25, ((0, 2), (2, 1), (1, 3)))
METHODS = ("FCMI", "k-means", "FAlg (features=ae)", "costs $5$")


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_equal_ranks_give_equal_files(tmp_path: Path, ending: str, magic: bytes) -> None:
    first, second = (
        rank_figure(METHODS, RANKS, tmp_path / f"{name}.{ending}", title="F_β")[0].read_bytes() for name in "ab"
    )
    assert first == second
    assert first.startswith(magic)


def test_without_an_ending_both_are_written(tmp_path: Path) -> None:
    written = rank_figure(METHODS, RANKS, tmp_path / "ranks", title="F_β")
    assert {path.name for path in written} == {"ranks.png", "ranks.pdf"}


def test_nothing_but_black_and_grey_is_drawn(tmp_path: Path) -> None:
    from PIL import Image

    (path,) = rank_figure(METHODS, RANKS, tmp_path / "ranks.png", title="F_β")
    red, green, blue = (channel.tobytes() for channel in Image.open(path).convert("RGB").split())
    assert red == green == blue
    assert min(red) < 50


def test_names_and_ranks_stand_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.reporting import rank_figure as module

    drawn = []
    monkeypatch.setattr(module, "write_figure", lambda figure, out: drawn.append(figure) or (out,))
    rank_figure(METHODS, RANKS, tmp_path / "ranks.png", title="F_β")
    axes = drawn[0].axes[0]
    named = {text.get_text(): text.xy for text in axes.texts}
    # The best above on the left, the worst above on the right; ranks beside the names.
    left = [(named[name][1], name) for name in ("FCMI  1.40", "FAlg (features=ae)  2.20")]
    right = [(named[name][1], name) for name in (r"3.50  costs \$5\$", "2.90  k-means")]
    assert left == sorted(left)
    assert right == sorted(right)
    bars = [line for line in axes.lines if line.get_linewidth() == 4]
    assert [tuple(bar.get_xdata()) for bar in bars] == [(1.4, 2.2), (2.2, 2.9), (2.9, 3.5)]


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"name it \.png or \.pdf"):
        rank_figure(METHODS, RANKS, tmp_path / "ranks.gif", title="F_β")
