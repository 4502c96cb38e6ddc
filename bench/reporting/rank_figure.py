"""The critical-difference diagram: average ranks on a line, and bars over methods that are not told apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.reporting.canvas import new_figure, plain_text, write_figure
from bench.reporting.statistics import Ranks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["rank_figure"]

_WIDTH = 7.0
_INCH_A_LINE, _INCH_AROUND = 0.28, 1.0
_FIRST_BAR, _STEP = 0.55, 0.4
_GREY = "#8a8a8a"


def rank_figure(methods: Sequence[str], ranks: Ranks, out: Path, *, title: str) -> tuple[Path, ...]:
    """Draw average ranks with the critical difference, in black and grey.

    The better half of the methods is named on the left, the other on the right; a thick bar joins methods whose
    ranks are no further apart than the critical difference.

    Parameters
    ----------
    methods : sequence of str
        Labels, in the order of `ranks`.
    ranks : Ranks
        What :func:`bench.reporting.statistics.rank_methods` found.
    out : Path
        ``.png`` or ``.pdf``; both without an ending.
    title : str
        What was ranked.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    InvalidInputError
        For another ending.
    BenchError
        If matplotlib is not installed or a file cannot be written.

    References
    ----------
    J. Demsar. Statistical comparisons of classifiers over multiple data sets. JMLR 7, 2006, Figure 1.
    https://www.jmlr.org/papers/v7/demsar06a.html
    """
    k = len(methods)
    order = sorted(range(k), key=lambda method: ranks.average[method])
    names_from = _FIRST_BAR + _STEP * len(ranks.cliques) + 0.3
    depth = names_from + (k + 1) // 2
    figure = new_figure(_WIDTH, _INCH_A_LINE * (depth + 2) + _INCH_AROUND)
    axes = figure.subplots()
    _scale(axes, k, ranks.critical_difference)
    for level, clique in enumerate(ranks.cliques):
        ends = [ranks.average[clique[0]], ranks.average[clique[-1]]]
        axes.plot(ends, [_FIRST_BAR + _STEP * level] * 2, color="black", linewidth=4, solid_capstyle="butt")
    left = (k + 1) // 2
    for place, method in enumerate(order):
        row = place if place < left else k - 1 - place
        _name(axes, methods[method], ranks.average[method], names_from + row, 1.0 if place < left else float(k))
    margin = 0.75 * (k - 1)
    axes.set(xlim=(1 - margin, k + margin), ylim=(depth, -2.6))
    axes.axis("off")
    axes.set_title(plain_text(title), fontsize=10)
    return write_figure(figure, out)


def _scale(axes: Axes, k: int, critical: float) -> None:
    """The line of ranks, and above it how long the critical difference is."""
    axes.plot([1, k], [0, 0], color="black", linewidth=1)
    for rank in range(1, k + 1):
        axes.plot([rank, rank], [0, -0.25], color="black", linewidth=1)
        axes.annotate(str(rank), (rank, -0.35), ha="center", va="bottom", fontsize=9)
    end = 1 + critical
    axes.plot([1, end], [-1.6, -1.6], color=_GREY, linewidth=2)
    for edge in (1, end):
        axes.plot([edge, edge], [-1.75, -1.45], color=_GREY, linewidth=2)
    axes.annotate(
        f"critical difference {critical:.2f}",
        (end, -1.6),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )


def _name(axes: Axes, label: str, rank: float, depth: float, side: float) -> None:
    """A method's name at the `side`, with a line to its rank."""
    axes.plot([rank, rank, side], [0, depth, depth], color=_GREY, linewidth=0.8)
    axes.annotate(
        plain_text(f"{label}  {rank:.2f}" if side == 1.0 else f"{rank:.2f}  {label}"),
        (side, depth),
        xytext=(-4 if side == 1.0 else 4, 0),
        textcoords="offset points",
        ha="right" if side == 1.0 else "left",
        va="center",
        fontsize=9,
    )
