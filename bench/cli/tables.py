"""``bench tables``: everything in results/tables, rebuilt from the records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.app import app, console, registry
from bench.cli.results import comparison_table, write_text
from bench.errors import NoRunsError, ResultsError

if TYPE_CHECKING:
    from bench.registry import Registry
    from bench.reporting.model import Table
    from bench.reporting.table_layouts import TableLayout

__all__ = ["tables"]

_ENDINGS = {"markdown": ".md", "overview": "-overview.md", "latex": ".tex", "csv": ".csv"}


@app.command()
def tables(
    records: Annotated[
        Path, typer.Option(help="Folder of packed records, a .jsonl file a suite.", metavar="DIR")
    ] = Path("results/records"),
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.", metavar="DIR")] = Path("results/tables"),
) -> None:
    """Rebuild every table from packed records, as Markdown, LaTeX and CSV: the published ones, and one a suite."""
    from bench.reporting.render import render
    from bench.reporting.table_layouts import layout_names, table_layout

    files = {path.stem: path for path in sorted(records.glob("*.jsonl"))}
    if not files:
        raise ResultsError(
            f"there are no .jsonl files in {records}; `bench pack --out {records}/NAME.jsonl` makes them"
        )
    layouts = [table_layout(name) for name in layout_names()]
    arranged = {layout.suite for layout in layouts}
    found = registry(None)
    wanted: list[tuple[str, str, TableLayout | None]] = [(layout.name, layout.suite, layout) for layout in layouts]
    wanted += [(suite, suite, None) for suite in files if suite not in arranged]
    for name, suite, layout in wanted:
        built = _table(files.get(suite), found, suite, layout)
        if built is None:
            console(stderr=True).print(
                f"{name} skipped: `bench run --suite {suite}` and "
                f"`bench pack --suite {suite} --out {records / suite}.jsonl` make its runs",
                markup=False,
            )
            continue
        for output, ending in _ENDINGS.items():
            text = render(built, output)
            if output == "csv":
                text = "".join(f"# {line}\n" for line in built.head) + text
            write_text(text, out / f"{name}{ending}")


def _table(path: Path | None, found: Registry, suite: str, layout: TableLayout | None) -> Table | None:
    from bench.records import RecordFile, latest

    if path is None:
        return None
    current = latest(RecordFile(path).outlines())
    try:
        return comparison_table(current, found, layout, command=f"bench run --suite {suite}; bench tables")
    except NoRunsError:
        return None
