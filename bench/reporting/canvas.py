"""What all figures share: a canvas of their own, and files that are equal for equal pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError, InvalidInputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ENDINGS", "GROUP_COLOURS", "new_figure", "save_figure"]

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
        raise InvalidInputError(f"figure {target} has no known ending; name it .png or .pdf")
    metadata = {"CreationDate": None, "Producer": None} if target.suffix.lower() == ".pdf" else {"Software": None}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target, dpi=160, metadata=metadata)
    except OSError as error:
        raise BenchError(f"figure {target} cannot be written ({error.strerror}); name another file") from None
    return target
