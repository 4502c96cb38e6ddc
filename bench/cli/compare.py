"""``bench compare``: two methods over seeds and data sets, or several of them ranked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.cli.app import DEFAULT_RESULTS, Plugins, app, console, registry
from bench.errors import InvalidInputError, ResultsError

if TYPE_CHECKING:
    from bench.reporting.selection import Selection
    from bench.reporting.versus import Pair, Ranking
    from bench.reporting.versus_text import Page

__all__ = ["compare"]


@app.command()
def compare(
    methods: Annotated[
        list[str] | None,
        typer.Argument(help="Two methods, or more; a row with its parameters as the table names it, in quotes."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Rank all methods but the controls.")] = False,
    metric: Annotated[str, typer.Option(help="Metric.")] = "f_beta",
    datasets: Annotated[
        list[str] | None, typer.Option(help="Names with commas; all that have records by default.")
    ] = None,
    output: Annotated[
        Literal["terminal", "markdown", "json"], typer.Option("--format", help="How to write it.")
    ] = "terminal",
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the critical-difference diagram: .png, .pdf, or both without ending.", metavar="FILE"),
    ] = None,
    results: Annotated[
        Path,
        typer.Option("--results", envvar="BENCH_RESULTS", help="Results folder, or .jsonl file.", metavar="DIR|FILE"),
    ] = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Tell differences between methods from luck.

    Two methods: the mean difference over the seeds that both have, with its
    95 percent t interval, on every data set, and on how many data sets the
    first wins, ties and loses.

    Three or more, or --all: average ranks over the data sets for which all
    of them have values, Friedman's test, and the critical difference of
    Nemenyi's test, from three methods and five such data sets on.
    """
    from bench.reporting.canvas import figure_files
    from bench.reporting.versus import compare_pair, compare_ranks
    from bench.reporting.versus_text import pair_page, ranks_page

    names = methods or []
    if everything == bool(names) or len(names) == 1:
        given = f"{', '.join(names) or 'no method'}{' and --all' if everything else ''}"
        raise InvalidInputError(f"{given} given; name two methods or more, or --all instead")
    if plot is not None:
        figure_files(plot)
        if len(names) == 2:
            raise InvalidInputError("--plot draws ranks, which takes three methods or more; leave it out or name more")
    selection = _selection(results, names, metric, datasets, plugins)
    if len(names) == 2:
        pair = compare_pair(selection)
        _write(pair, pair_page(pair), output)
        return
    ranked = compare_ranks(selection)
    _write(ranked, ranks_page(ranked), output)
    if plot is not None:
        _draw(ranked, plot)


def _selection(
    results: Path, names: list[str], metric: str, datasets: list[str] | None, plugins: list[Path] | None
) -> Selection:
    from bench.metadata import REFERENCE_INFO
    from bench.records import latest, open_records
    from bench.registry import normalise
    from bench.reporting.selection import select

    found = registry(plugins)
    records = latest(open_records(results).outlines())
    entries = found.recorded_methods({record.spec.method for record in records})
    method_infos: dict[str, Any] = {name: entry.info for name, entry in entries.items() if entry.info}
    dataset_infos: dict[str, Any] = {name: entry.info for name, entry in found.datasets.items() if entry.info}
    return select(
        records,
        names,
        normalise(metric),
        methods={**method_infos, REFERENCE_INFO.name: REFERENCE_INFO},
        datasets=dataset_infos,
        only=[normalise(part) for text in datasets or () for part in text.split(",") if part.strip()],
        custom=found.metrics,
    )


def _draw(ranked: Ranking, plot: Path) -> None:
    from bench.reporting.rank_figure import rank_figure

    if ranked.ranks is None:
        raise ResultsError(f"no diagram drawn: {ranked.reason}")
    tested = "" if ranked.ranks.p_value is None else f", Friedman p = {ranked.ranks.p_value:.2g}"
    title = f"Average ranks in {ranked.metric.title} over {len(ranked.datasets)} data sets{tested}"
    for path in rank_figure(ranked.methods, ranked.ranks, plot, title=title):
        console(stderr=True).print(f"figure written to {path}", markup=False)


def _write(found: Pair | Ranking, page: Page, output: str) -> None:
    from bench.reporting.versus_text import versus_json, versus_markdown

    if output == "json":
        console().out(versus_json(found), end="", highlight=False)
    elif output == "markdown":
        console().out(versus_markdown(page), end="", highlight=False)
    else:
        _show(page)


def _show(page: Page) -> None:
    from rich import box
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    out = console()
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="")
    for index, head in enumerate(page.heads):
        drawn.add_column(Text(head), justify="right" if index else "left", overflow="fold")
    for row in page.rows:
        # Text, so that a name from a record is never read as markup.
        drawn.add_row(*(Text(value) for value in row))
    out.print(Text(page.title, style="bold"))
    out.print(drawn, soft_wrap=False)
    for line in ("", *page.lines):
        out.print(Text(line), soft_wrap=not out.is_terminal)
    for remark in page.remarks:
        # A terminal wraps sentences, a pipe gets them whole.
        shown = Padding(Text(remark), (0, 0, 0, 2), expand=False) if out.is_terminal else Text(f"  {remark}")
        out.print(shown, soft_wrap=not out.is_terminal)
