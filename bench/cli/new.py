"""``bench new``: a method or a data set to start from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.app import app, console
from bench.errors import InvalidInputError

__all__ = ["dataset", "method"]

_new = typer.Typer(no_args_is_help=True, help="Write a method or a data set to start from, one file that runs.")
app.add_typer(_new, name="new")

Name = Annotated[str, typer.Argument(help="Its name: letters, digits and underscores.")]
Folder = Annotated[
    Path | None,
    typer.Option("--plugins", help="Folder to write it to; needed outside a checkout of the project.", metavar="DIR"),
]


@_new.command()
def method(name: Name, plugins: Folder = None) -> None:
    """Write a fair mini-batch k-means under your name, and say how to test and run it."""
    _write("method", name, plugins)


@_new.command()
def dataset(name: Name, plugins: Folder = None) -> None:
    """Write a small data set of two groups under your name, and say how to test and run it."""
    _write("dataset", name, plugins)


def _write(kind: Literal["method", "dataset"], name: str, plugins: Path | None) -> None:
    from bench.scaffold import draft, home

    folder = plugins or home(kind, Path.cwd())
    if folder is None:
        raise InvalidInputError(
            f"this is no checkout of the project, so name a folder for your {kind}s: "
            f"`bench new {kind} {shlex.quote(name)} --plugins my_{kind}s`"
        )
    made = draft(kind, name, folder)
    made.write()
    where = f" --plugins {shlex.quote(str(plugins))}" if plugins else ""
    chosen = {
        "method": f"--methods {made.name},kmeans --datasets mnist_optdigits",
        "dataset": f"--methods kmeans,random --datasets {made.name}",
    }[kind]
    out = console()
    out.print(f"{made.path} is written. Next, as it stands and after every change:", markup=False)
    for command in (f"bench test {made.name}{where}", f"bench run {chosen}{where}", f"bench table{where}"):
        out.print(f"  {command}", markup=False)
