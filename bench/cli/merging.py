"""``bench merge`` and ``bench rescore``: records of several machines in one folder, with the present metrics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.app import DEFAULT_RESULTS, Plugins, ResultsFolder, app, console, registry
from bench.errors import InvalidInputError, ResultsError

if TYPE_CHECKING:
    from bench.conflicts import Conflict
    from bench.records import RecordStore

__all__ = ["merge", "rescore"]


@app.command()
def merge(
    sources: Annotated[
        list[Path], typer.Argument(help="Results folders and .jsonl files; they stay as they are.", metavar="DIR|FILE")
    ],
    results: ResultsFolder = DEFAULT_RESULTS,
) -> None:
    """Take the records of other results folders and packed files into one; merging again changes nothing."""
    from bench.conflicts import Conflicts
    from bench.merging import merge as take

    store = _store(results)
    counts = take(sources, store)
    parts = [f"{counts['new']} new", f"{counts['replaced']} replaced", f"{counts['same']} same"]
    parts += [f"{counts['conflict']} conflicts"]
    parts += [f"{counts['outdone']} older or failed"] if counts["outdone"] else []
    parts += [f"{counts['left']} left where they are"] if counts["left"] else []
    out = console()
    out.print(f"{', '.join(parts)}; records in {store.records}", markup=False)
    for conflict in Conflicts(store.folder).open():
        out.print(f"  {_conflict_text(conflict, store)}", markup=False)


@app.command()
def rescore(results: ResultsFolder = DEFAULT_RESULTS, plugins: Plugins = None) -> None:
    """Compute the metrics of all runs that ended well again, from their stored labels; nothing is run."""
    from bench.data.store import Store
    from bench.rescoring import rescore as score

    store = _store(results)
    if not any(store.records.glob("*.json")):
        raise ResultsError(f"there are no records in {results}; `bench run` makes some")
    store.prepare()
    done = score(store, registry(plugins), Store.default(download=False))
    left = done.left.total()
    for reason, number in sorted(done.left.items()):
        console(stderr=True).print(f"bench: {number} left, {reason}", markup=False)
    console().print(f"{done.changed} changed, {done.same} same, {left} left; records in {store.records}", markup=False)


def _store(results: Path) -> RecordStore:
    from bench.records import RecordStore

    if results.suffix == ".jsonl":
        raise InvalidInputError(f"--results {results} given; it takes a folder, and `bench pack` makes a file of it")
    return RecordStore(results)


def _conflict_text(conflict: Conflict, store: RecordStore) -> str:
    record = conflict.record
    held = store.read(record.key)
    ended = f"{held.ended} stays, that of {record.ended}" if held else record.ended
    hint = "; `bench rescore` computes them again" if conflict.differs == "metrics" else ""
    return (
        f"conflict: {record.spec.method} on {record.spec.dataset}, seed {record.spec.seed}: other {conflict.differs}, "
        f"that of {ended} is kept in {conflict.path}{hint}"
    )
