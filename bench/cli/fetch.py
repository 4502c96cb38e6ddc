"""``bench fetch``: the files of data sets, got and verified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.app import Plugins, app, console, registry
from bench.errors import BenchError, InvalidInputError, UnknownNameError

if TYPE_CHECKING:
    from bench.registry import Entry

__all__ = ["fetch"]


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="Data sets, or 'all'.", metavar="NAME...|all")],
    from_images: Annotated[
        Path | None, typer.Option(help="Make the file from the images in this folder.", metavar="DIR")
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Download what data sets lack, verify what is there; exit code 1 if something is still missing."""
    entries = _named(names, plugins)
    if from_images is not None:
        _build(entries, from_images)
    ready = [_fetch(entry) for entry in entries]
    if not all(ready):
        raise typer.Exit(1)


def _named(names: list[str], plugins: list[Path] | None) -> list[Entry]:
    from bench.metadata import DatasetInfo
    from bench.registry import normalise

    known = registry(plugins).datasets
    chosen: dict[str, Entry] = {}
    for name in (part for text in names for part in text.split(",") if part.strip()):
        if normalise(name) == "all":
            with_files = (e for e in known.values() if isinstance(e.info, DatasetInfo) and (e.info.files or e.problem))
            chosen.update({entry.name: entry for entry in with_files})
        elif normalise(name) in known:
            chosen[normalise(name)] = known[normalise(name)]
        else:
            raise UnknownNameError("data set", name, [*known, "all"], "`bench list datasets` describes them.")
    return list(chosen.values())


def _build(entries: list[Entry], images: Path) -> None:
    from bench.data.fetch import build
    from bench.data.store import Store

    if len(entries) != 1:
        raise InvalidInputError(f"--from-images makes the file of one data set, {len(entries)} are named; name one")
    dataset = entries[0].load()()
    made = build(dataset, images)
    _say("made", entries[0].name, str(made))
    used = Store.default(download=False).find(dataset.files()[0])
    if used is not None and made not in used.paths:
        _say("unused", entries[0].name, f"{made}, since BENCH_DATA comes first")


def _fetch(entry: Entry) -> bool:
    """Get the files of one data set and tell of each; whether all are ready."""
    from bench.data.fetch import fetch as fetch_files
    from bench.data.store import Store

    try:
        dataset = entry.load()()
    except BenchError as error:
        _say("unusable", entry.name, str(error))
        return False
    if not dataset.files():
        _say("ready", entry.name, "needs no files of its own")
    well = True
    for fetched in fetch_files(dataset, Store.default()):
        _say(fetched.state, entry.name, fetched.text)
        well = well and fetched.state in ("ready", "downloaded")
    return well


def _say(state: str, name: str, text: str) -> None:
    console().print(f"{state:10s}  {name}: {text}", markup=False)
