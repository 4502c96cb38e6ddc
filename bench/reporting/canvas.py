"""What all figures share: a canvas of their own, and files that are equal for equal pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError, InvalidInputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ENDINGS", "GROUP_COLOURS", "figure_files", "new_figure", "plain_text", "save_figure", "write_figure"]

ENDINGS = (".png", ".pdf")
# Dark to light, so that groups differ in grey as well: blue and orange first, which nobody confuses.
GROUP_COLOURS = ("#0b3c8c", "#f5a11c", "#7a0f3d", "#58c7b0", "#5c5c5c", "#c9b6e4")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches, without pyplot: its global state and the user's backend stay alone.

    Raises
    ------
    BenchError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise BenchError(
            "figures need matplotlib, which is not installed; pip install fair-clustering-bench[plot]"
        ) from None
    figure = Figure(figsize=(width, height))
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    return figure


def plain_text(text: str) -> str:
    """`text` with dollars that start no formula."""
    return text.replace("$", r"\$")


def figure_files(out: Path) -> tuple[Path, ...]:
    """The files that a figure named `out` is written to: `out`, or a ``.png`` and a ``.pdf`` where it has no ending.

    Raises
    ------
    InvalidInputError
        For another ending.
    """
    if not out.suffix:
        return tuple(out.with_suffix(ending) for ending in ENDINGS)
    if out.suffix.lower() not in ENDINGS:
        raise _unknown_ending(out)
    return (out,)


def write_figure(figure: Figure, out: Path) -> tuple[Path, ...]:
    """Write `figure` to the :func:`figure_files` of `out` and return them; raises as these and :func:`save_figure`."""
    return tuple(save_figure(figure, target) for target in figure_files(out))


def save_figure(figure: Figure, target: Path) -> Path:
    """Write `figure` without dates and versions, so that equal pictures are equal files.

    Raises
    ------
    InvalidInputError
        If the file ends in neither ``.png`` nor ``.pdf``.
    BenchError
        If it cannot be written.
    """
    if target.suffix.lower() not in ENDINGS:
        raise _unknown_ending(target)
    metadata = {"CreationDate": None, "Producer": None} if target.suffix.lower() == ".pdf" else {"Software": None}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, dpi=160, metadata=metadata)
    except OSError as error:
        raise BenchError(f"figure {target} cannot be written ({error.strerror}); name another file") from None
    return target


def _unknown_ending(target: Path) -> InvalidInputError:
    return InvalidInputError(f"figure {target} has no known ending; name it .png or .pdf")
