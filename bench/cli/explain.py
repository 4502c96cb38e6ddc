"""``bench explain``: the runs behind a cell of the table."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.app import DEFAULT_RESULTS, Format, Plugins, app, console, print_json, registry

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from bench.lineage_model import Lineage, Variant
    from bench.lineage_text import Grid, Section

__all__ = ["explain"]


@app.command()
def explain(
    method: Annotated[str, typer.Argument(help="A method.")],
    dataset: Annotated[str, typer.Argument(help="A data set.")],
    metric: Annotated[str | None, typer.Argument(help="A metric; the paper's five by default.")] = None,
    output: Format = "text",
    results: Annotated[
        Path,
        typer.Option("--results", envvar="BENCH_RESULTS", help="Results folder, or .jsonl file.", metavar="DIR|FILE"),
    ] = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Trace a figure to its runs: seeds, parameters, machine, code, logs, and what is known of the published value."""
    from bench.lineage import explain as trace
    from bench.registry import normalise
    from bench.reporting.headers import PAPER_METRICS

    metrics = PAPER_METRICS if metric is None else (normalise(metric),)
    found = trace(results, method, dataset, registry(plugins), metrics)
    if output == "json":
        print_json(asdict(found))
        return
    _Page().lineage(found)


class _Page:
    """Writes a lineage for people: tables that fit eighty columns, and lines that can be copied."""

    def __init__(self) -> None:
        self.out = console()

    def lineage(self, found: Lineage) -> None:
        """Write all variants, one after the other."""
        from bench.lineage_text import Section

        for number, variant in enumerate(found.variants):
            if number:
                self.out.print("\n")
            self._variant(variant)
        if found.published_source:
            self._section(Section("Published values", (found.published_source,)))

    def _variant(self, variant: Variant) -> None:
        from bench.lineage_text import Grid, heading, parts

        self._line(heading(variant), style="bold")
        for part in parts(variant):
            if isinstance(part, Grid):
                self.out.print()
                self.out.print(_drawn(part), soft_wrap=False)
            else:
                self._section(part)

    def _section(self, section: Section) -> None:
        """Write sentences, wrapped for a terminal and whole for a pipe; what is copied is never wrapped."""
        from rich.padding import Padding
        from rich.text import Text

        self.out.print()
        self._line(section.heading, style="bold")
        for line in section.lines:
            if self.out.is_terminal and not section.copied:
                self.out.print(Padding(Text(_plain(line)), (0, 0, 0, 2), expand=False), soft_wrap=False)
            else:
                self._line(f"  {line}")

    def _line(self, text: str, style: str = "") -> None:
        self.out.print(_plain(text), style=style, markup=False)


def _drawn(grid: Grid) -> RichTable:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="")
    for index, head in enumerate(grid.heads):
        last = index == len(grid.heads) - 1
        table.add_column(head, justify="left" if index in grid.left else "right", overflow="fold", no_wrap=not last)
    for row in grid.rows:
        # Text, so that a name from a record is never read as markup.
        table.add_row(*(Text(_plain(value)) for value in row))
    return table


def _plain(value: Any) -> str:
    """`value` on one line, without the control characters that steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in str(value))
