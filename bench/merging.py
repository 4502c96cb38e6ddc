"""Unites the records of several machines in one results folder."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from bench.conflicts import Conflicts, content_digest, difference
from bench.errors import InvalidInputError, ResultsError
from bench.plan import run_key
from bench.record import SETTLED, Record
from bench.records import RecordFile, RecordStore, RecordWarning, write_whole

__all__ = ["What", "merge"]

# What becomes of a record: it is new, replaces one that failed or is older, is there already, is outdone by the one
# that is there, is in conflict with it, or is left where it lies because it cannot be taken.
What = Literal["new", "replaced", "same", "outdone", "conflict", "left"]

# What a run leaves beside its record: folder and ending.
_BESIDE = (("embeddings", ".npy"), ("logs", ".log"))


def _check(sources: Sequence[Path]) -> None:
    for source in sources:
        if source.suffix == ".jsonl":
            if not source.is_file():
                raise InvalidInputError(f"{source} is no file; `bench pack` makes one")
        elif not (source / "records").is_dir():
            raise InvalidInputError(
                f"{source} is no results folder, it has no subfolder 'records'; name results folders and .jsonl files"
            )


def merge(sources: Sequence[Path], store: RecordStore) -> Counter[What]:
    """Take the records of `sources` into `store`; the sources stay as they are.

    Of two records of one run, the one that ended well stays, then the one that came to an end at all, then the
    one that ended later. Where both ended well with different labels or metrics, the other is kept among the
    conflicts. So which record stays does not depend on the order of the sources, and merging again changes nothing.

    Parameters
    ----------
    sources : sequence of Path
        Results folders, with their conflicts, and packed files.
    store : RecordStore
        Takes the records; its folder is made if there is none.

    Returns
    -------
    Counter
        How many records were ``new``, ``replaced`` one, are the ``same`` as there, are ``outdone`` by the one
        there, in ``conflict`` with it, or ``left`` because they cannot be taken. Records that cannot be read are
        named in a warning.

    Raises
    ------
    InvalidInputError
        For a path that is neither a results folder nor an existing .jsonl file; nothing is merged then.
    ResultsError
        If the folder or a record cannot be written. What was merged before stays, and merging again goes on from there.
    """
    _check(sources)
    store.prepare()
    counts: Counter[What] = Counter()
    for source in sources:
        for record, beside in _offered(source):
            counts[_take(record, beside, store)] += 1
    return counts


def _offered(source: Path) -> Iterator[tuple[Record, Path | None]]:
    """The records of `source`, each with the folder that holds what the run left beside it."""
    if source.suffix == ".jsonl":
        yield from ((record, None) for record in RecordFile(source))
        return
    yield from ((record, source) for record in RecordStore(source))
    yield from ((record, None) for record in Conflicts(source))


def _take(record: Record, beside: Path | None, store: RecordStore) -> What:
    # The key becomes a file name, and two records of one key must be of one run.
    if record.key != run_key(record.spec):
        _warn(f"a record of {_run(record)} is not taken: its key is not that of its run")
        return "left"
    held = store.read(record.key)
    if held is None:
        if store.path(record.key).exists():
            _warn(f"a record of {_run(record)} is not taken: {store.path(record.key)} is in its way; move that away")
            return "left"
        _put(record, beside, store)
        return "new"
    if held == record:
        return "same"
    stays, goes = (record, held) if _order(record) > _order(held) else (held, record)
    differs = difference(stays, goes)
    if differs is not None:
        # Before the record is replaced, so that a crash in between loses neither.
        kept = Conflicts(store.folder).write(goes)
        if stays is record and differs == "labels":
            _set_aside(record.key, store, kept)
    if stays is record:
        _put(record, beside, store)
    if differs is not None:
        return "conflict"
    return "replaced" if stays is record else "outdone"


def _order(record: Record) -> tuple[bool, bool, str, str]:
    return record.status == "ok", record.status in SETTLED, record.ended, content_digest(record)


def _put(record: Record, beside: Path | None, store: RecordStore) -> None:
    """Write `record`, after what belongs beside it, so that what has a record is complete."""
    if beside is not None:
        for source in _beside(record.key, beside):
            target = store.folder / source.relative_to(beside)
            try:
                content = source.read_bytes()
                target.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ResultsError(f"{source} cannot be copied ({error.strerror or error})") from None
            _write_bytes(target, content)
    store.write(record)


def _set_aside(key: str, store: RecordStore, kept: Path) -> None:
    """Move what the run of `key` left to its record in `kept`: it says nothing of the run that takes its place."""
    for file in _beside(key, store.folder):
        try:
            file.replace(kept.with_suffix(file.suffix))
        except OSError as error:
            raise ResultsError(f"{file} cannot be moved to {kept.parent} ({error.strerror or error})") from None


def _beside(key: str, folder: Path) -> list[Path]:
    return [path for name, ending in _BESIDE if (path := folder / name / f"{key}{ending}").is_file()]


def _write_bytes(target: Path, content: bytes) -> None:
    write_whole(target, lambda stream: stream.write(content))


def _run(record: Record) -> str:
    return f"{record.spec.method} on {record.spec.dataset}, seed {record.spec.seed}"


def _warn(text: str) -> None:
    warnings.warn(text, RecordWarning, stacklevel=4)
