"""``bench report``: one page with everything there is to say of the records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.app import DEFAULT_RESULTS, Plugins, app, registry
from bench.cli.results import Source, write_text

__all__ = ["report"]


@app.command()
def report(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="File to write; report.html in the results folder by default.", metavar="FILE"
        ),
    ] = None,
    results: Source = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Write one HTML page: tables, figures, the runs behind every number, data sets, failures; it loads nothing."""
    from bench.records import open_records
    from bench.reporting.page.build import report_page

    page = report_page(open_records(results), registry(plugins))
    # A file of packed records lies among its like, which are committed.
    folder = Path() if results.suffix == ".jsonl" else results
    write_text(page, out or folder / "report.html")
