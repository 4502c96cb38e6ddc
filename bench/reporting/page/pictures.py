"""The figures that need no more than the records, as images inside the page."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.errors import BenchError
from bench.record import Record
from bench.reporting.plots.runs import Catalogue, runs_of

__all__ = ["Picture", "pictures"]

# Of a figure's few colours and their shades at the edges of lines; a third of the size, and nothing that one sees.
_SHADES = 256
# What information_figure draws.
_INFORMATION = "mi_xc_given_g"

Draw = Callable[[Path], object]


@dataclass(frozen=True)
class Picture:
    """One figure, or the reason why there is none.

    Parameters
    ----------
    title : str
        Its head.
    alt : str
        What it shows, for those who do not see it.
    command : str
        What draws it at full size, as a PDF.
    data : str
        The PNG file in base64; empty where it could not be drawn.
    size : (int, int)
        Width and height in pixels.
    problem : str
        Why it could not; empty where it could.
    """

    title: str
    alt: str
    command: str
    data: str = ""
    size: tuple[int, int] = (0, 0)
    problem: str = ""


def pictures(records: Sequence[Record], catalogue: Catalogue) -> list[Picture]:
    """Quality against fairness, F over beta, and information over training where runs have logged it.

    Parameters
    ----------
    records : sequence of Record
        One for every method, data set and seed.
    catalogue : Catalogue
        Titles and default parameters.
    """
    return [_drawn(picture, draw) for picture, draw in _wanted(records, catalogue)]


def _wanted(records: Sequence[Record], catalogue: Catalogue) -> Iterator[tuple[Picture, Draw]]:
    from bench.reporting.plots.beta import beta_figure
    from bench.reporting.plots.information import information_figure
    from bench.reporting.plots.tradeoff import tradeoff_figure

    yield (
        Picture(
            "Quality against fairness",
            "One panel a data set: the mean NMI of every method over its mean MNCE, in percent, with whiskers of one "
            "standard deviation and a dashed Pareto front. The tables hold the same means.",
            "bench plot tradeoff",
        ),
        partial(tradeoff_figure, records, catalogue=catalogue),
    )
    yield (
        Picture(
            "F over beta",
            "One panel a data set: the mean F of every method, in percent, over the weight beta of fairness from 0.1 "
            "to 10. It runs from NMI on the left to MNCE on the right; at beta = 1 the tables hold the same means.",
            "bench plot beta",
        ),
        partial(beta_figure, records, catalogue=catalogue),
    )
    ended = [record for record in records if record.status == "ok"]
    logged = {(r.spec.method, r.spec.dataset) for r in ended if any(_INFORMATION in row for row in r.history)}
    for method, dataset in sorted(logged):
        names = f"{catalogue.method(method)} on {catalogue.dataset(dataset)}"
        yield (
            Picture(
                f"Information over training: {names}",
                f"{names}: I(X;C|G), what clusters tell of samples within groups, and I(G;C), what they tell of "
                "groups, in nats over the epochs; a line for every set of losses that was run.",
                f"bench plot information --method {method} --dataset {dataset}",
            ),
            partial(information_figure, runs_of(ended, method, dataset), catalogue=catalogue),
        )


def _drawn(picture: Picture, draw: Draw) -> Picture:
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figure.png"
        try:
            draw(file)
        except BenchError as error:
            return replace(picture, problem=str(error))
        with Image.open(file) as image:
            small = image.convert("RGB").quantize(_SHADES, dither=Image.Dither.NONE)
    out = io.BytesIO()
    small.save(out, format="PNG", optimize=True)
    data = base64.b64encode(out.getvalue()).decode()
    return replace(picture, data=data, size=small.size)
