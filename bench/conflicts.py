"""Runs that ended well twice with different outcomes: the newer is the record, the others are kept beside it."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from bench.errors import ResultsError
from bench.record import Record, unpack_labels
from bench.records import Records, RecordStore, read_record, write_whole

__all__ = ["LABEL_FAULTS", "Conflict", "Conflicts", "content_digest", "difference", "same_metrics"]

# Logarithms differ in the last digits between processors; the metrics that tables print differ in the fourth.
_TOLERANCE = 1e-9

# What `unpack_labels` raises for a text that `pack_labels` has not made.
LABEL_FAULTS = (TypeError, ValueError, zlib.error)

# Enough of a hash to tell the records of one key apart.
_DIGITS = 16


@dataclass(frozen=True)
class Conflict:
    """A record kept apart, and how it differs from the one that counts.

    Parameters
    ----------
    record : Record
        The one kept apart.
    differs : {"labels", "metrics"}
        Metrics differ for the same labels where they were computed by different versions of the code.
    path : Path
        Where it lies.
    """

    record: Record
    differs: Literal["labels", "metrics"]
    path: Path


class Conflicts(Records):
    """The records of a results folder that disagree with the one of the same key.

    Readers of the results folder do not see them, so tables have one value for every run.

    Parameters
    ----------
    folder : Path
        The results folder; they lie in its subfolder ``conflicts``, named by key and content.
    """

    def __init__(self, folder: Path) -> None:
        self.records = RecordStore(folder)
        self.folder = self.records.folder / "conflicts"

    def path(self, record: Record) -> Path:
        """Where `record` lies if it is kept here: equal records, one file."""
        return self.folder / f"{record.key}-{content_digest(record)[:_DIGITS]}.json"

    def __iter__(self) -> Iterator[Record]:
        """All readable records kept here, in the order of their keys."""
        for path in sorted(self.folder.glob("*.json")):
            record = read_record(path)
            if record is not None:
                yield record

    def open(self) -> list[Conflict]:
        """Return those that still differ from the record of their key; one run again may agree with it now."""
        found = []
        for record in self:
            held = self.records.read(record.key)
            differs = difference(held, record) if held is not None else None
            if differs is not None:
                found.append(Conflict(record, differs, self.path(record)))
        return found

    def write(self, record: Record) -> Path:
        """Keep `record`; once, however often it is written.

        Raises
        ------
        ResultsError
            If it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultsError(f"{self.folder} cannot be made ({error.strerror})") from None
        text = record.model_dump_json() + "\n"
        return write_whole(self.path(record), lambda stream: stream.write(text.encode()))

    def replace(self, old: Record, new: Record) -> None:
        """Keep `new` in place of `old`.

        Raises
        ------
        ResultsError
            If it cannot be written; `old` is kept then.
        """
        written = self.write(new)
        if self.path(old) != written:
            self.path(old).unlink(missing_ok=True)


def content_digest(record: Record) -> str:
    """sha256 over all that is in `record`, the same on every machine."""
    return hashlib.sha256(record.model_dump_json().encode()).hexdigest()


def difference(one: Record, other: Record) -> Literal["labels", "metrics"] | None:
    """In what two records of one run that both ended well disagree; None where they agree or one did not end well."""
    if one.status != "ok" or other.status != "ok":
        return None
    if not _same_labels(one.labels, other.labels):
        return "labels"
    return None if same_metrics(one.metrics, other.metrics) else "metrics"


def same_metrics(one: Mapping[str, float | None], other: Mapping[str, float | None]) -> bool:
    """Whether both hold the same metrics with the same values, but for rounding."""
    return one.keys() == other.keys() and all(_same_value(value, other[name]) for name, value in one.items())


def _same_value(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def _same_labels(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        # Equal labels are different texts where the versions of zlib differ.
        return np.array_equal(unpack_labels(one), unpack_labels(other))
    except LABEL_FAULTS:
        return False
