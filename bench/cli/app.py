"""The application, its common options, and how it writes."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.segment import Segment

from bench.harmless import for_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType

    from bench.registry import Registry

__all__ = [
    "DEFAULT_RESULTS",
    "Format",
    "Plugins",
    "ResultsFolder",
    "app",
    "complain",
    "console",
    "print_field",
    "print_json",
    "print_table",
    "registry",
    "show_warnings",
]

app = typer.Typer(
    help="Fair clustering methods, compared.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ResultsFolder = Annotated[
    Path,
    typer.Option("--results", envvar="BENCH_RESULTS", help="Folder of records and MLflow database.", metavar="DIR"),
]
Format = Annotated[Literal["text", "json"], typer.Option("--format", help="For people, or for programs.")]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugins", help="Folder with adapters of your own; may be repeated.", metavar="DIR"),
]

_PIPE_WIDTH = 200
DEFAULT_RESULTS = Path("results/local")


class _Console(Console):
    """Draws what it is given; text in it cannot steer the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=for_terminal(segment.text))


def console(*, stderr: bool = False) -> Console:
    """Console for people; plain text when it is not a terminal."""
    target = _Console(stderr=stderr, highlight=False, soft_wrap=True)
    if not target.is_terminal:
        # A pipe has no width; 80 columns would fold names.
        target.width = _PIPE_WIDTH
    return target


def complain(line: str) -> None:
    """Say in one plain line what is wrong but stops nothing."""
    console(stderr=True).print(f"bench: {line}", markup=False)


def print_json(value: Any) -> None:
    """Write `value` as JSON for programs."""
    console().out(json.dumps(value, indent=2, default=str))


def print_table(heading: str, rows: list[dict[str, Any]]) -> None:
    """Write rows with the same keys as a table under `heading`."""
    from rich.table import Table

    table = Table(title=heading, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in rows[0] if rows else ():
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console().print(table, markup=False)


def print_field(key: str, value: Any) -> None:
    """Write one field, a mapping as a line for each of its items; nothing for an empty value."""
    out = console()
    if isinstance(value, dict):
        out.print(f"{key}:", markup=False)
        for name, item in value.items():
            shown = f"{item:.4f}" if isinstance(item, float) else item
            out.print(f"  {name}: {shown}", markup=False)
    elif value not in ("", (), None):
        out.print(f"{key}: {value}", markup=False)


def registry(plugins: list[Path] | None) -> Registry:
    """The adapters that are there."""
    from bench.registry import Registry

    return Registry(plugins or ())


def show_warnings() -> None:
    """One plain line for a warning, without the place in our code that raised it."""

    def show(message: Warning | str, *_rest: object, **_more: object) -> None:
        complain(str(message))

    warnings.showwarning = show


def _show_version(wanted: bool) -> None:
    if wanted:
        from bench import __version__

        console().print(f"bench {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[  # noqa: ARG001 -- its callback does the work
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Fair clustering methods, compared: one command, one set of metrics, one record a run."""
    show_warnings()
