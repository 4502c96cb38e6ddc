"""What the page says beside its tables: data sets, runs that did not end well, and where all runs come from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.lineage import Trace
from bench.metadata import DatasetInfo
from bench.record import Record
from bench.reporting.axes import parameter_text
from bench.reporting.model import Column

__all__ = ["DatasetCard", "Failure", "dataset_card", "failures", "provenance"]

_COMMIT_DIGITS = 10


@dataclass(frozen=True)
class DatasetCard:
    """What is known of a data set without its data.

    Parameters
    ----------
    fields : tuple of (str, str)
        Names and values.
    dois : tuple of str
        Of its references.
    notes : tuple of str
        Of its adapter and of the records.
    files : tuple of (str, str, str, str)
        Path, what it is, size and checksum of what it reads.
    """

    fields: tuple[tuple[str, str], ...]
    dois: tuple[str, ...]
    notes: tuple[str, ...]
    files: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True)
class Failure:
    """Runs of one method on one data set that ended alike, other than ``ok``.

    Parameters
    ----------
    row, column : int
        Place in the table.
    method, dataset : str
        As tables label them.
    status, reason : str
        How they ended, and why.
    seeds : tuple of int
        Which runs.
    """

    row: int
    column: int
    method: str
    dataset: str
    status: str
    reason: str
    seeds: tuple[int, ...]


def dataset_card(traced: Trace, column: Column) -> DatasetCard:
    """The card of the data set in `column`, from its adapter's metadata and from the records.

    The data are not read: the page is the same wherever it is made.
    """
    info = traced.datasets.get(column.name)
    variants = [variant for (_, place), variant in traced.variants.items() if place == column]
    params = variants[0].dataset_params.values if variants else {}
    fields = {
        "name": column.name,
        **(_described(info) if info else {"adapter": "not installed where this page was made"}),
        "parameters": ", ".join(f"{name}={parameter_text(value)}" for name, value in params.items()),
        "runs": str(sum(variant.requested for variant in variants)),
    }
    # Two rows differ in these at most, not in the adapter's own.
    notes = dict.fromkeys(note for variant in variants for note in variant.dataset_notes)
    return DatasetCard(
        fields=tuple((name, value) for name, value in fields.items() if value),
        dois=tuple(doi.strip() for doi in info.doi.split(";") if doi.strip()) if info else (),
        notes=tuple(notes),
        files=tuple(_file(file.path, file.what, file.bytes, file.checksum) for file in info.files) if info else (),
    )


def _described(info: DatasetInfo) -> dict[str, str]:
    sizes = {"n": info.n, "K": info.k, "T": info.n_groups}
    return {
        "classes": info.target,
        "groups": info.sensitive,
        "kind": info.kind,
        "size by default": ", ".join(f"{name} = {size:,}" for name, size in sizes.items() if size is not None),
        "reference": info.reference,
        "licence": info.licence,
    }


def _file(path: str, what: str, size: int, checksum: str) -> tuple[str, str, str, str]:
    return path, what, f"{size:,} bytes" if size else "", checksum


def failures(traced: Trace) -> list[Failure]:
    """All runs that did not end well, those together that have method, data set, status and reason in common."""
    rows = {row: number for number, row in enumerate(traced.table.rows)}
    columns = {column: number for number, column in enumerate(traced.table.columns)}
    found = []
    for (row, column), variant in traced.variants.items():
        seeds: dict[tuple[str, str], list[int]] = defaultdict(list)
        for run in variant.runs:
            if run.status != "ok":
                seeds[run.status, run.reason or "no reason recorded"].append(run.seed)
        found += [
            Failure(rows[row], columns[column], row.label, column.label, *cause, tuple(held))
            for cause, held in seeds.items()
        ]
    return sorted(found, key=lambda failure: (failure.status, failure.reason))


def provenance(records: Sequence[Record], n_all: int) -> list[tuple[str, list[str]]]:
    """Number of runs, dates, code and machines, each with the runs it counts.

    Parameters
    ----------
    records : sequence of Record
        The runs that the page shows.
    n_all : int
        Records there are, with those that these have replaced.
    """
    older = n_all - len(records)
    days = sorted(day for record in records for day in (record.started[:10], record.ended[:10]) if day)
    packages = sorted({name for record in records for name in record.versions})
    said = {
        "Runs": [*_counted(record.status for record in records), *([f"{older} older, replaced"] if older else [])],
        "Dates": [f"{days[0]} to {days[-1]}"] if days else [],
        "Suites": _counted(record.suite for record in records),
        "Commits": _counted(_commit(record) for record in records),
        "Devices": _counted(_device(record) for record in records),
        "Processors": _counted(record.cpu for record in records),
        "Packages": [
            f"{name} {', '.join(sorted({record.versions[name] for record in records if name in record.versions}))}"
            for name in packages
        ],
    }
    return [(name, lines) for name, lines in said.items() if lines]


def _counted(texts: Iterable[str]) -> list[str]:
    """``["60 ok", "2 timeout"]``: most frequent first, then by name; empty texts are not counted."""
    counts = Counter(text for text in texts if text)
    return [f"{number} {text}" for text, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _commit(record: Record) -> str:
    changed = " with changes that were not committed" if record.dirty else ""
    return f"at {record.commit[:_COMMIT_DIGITS]}{changed}" if record.commit else ""


def _device(record: Record) -> str:
    card = record.gpu if record.device.startswith("cuda") else ""
    parts = (record.device.partition(":")[0], record.precision, card)
    return f"on {', '.join(part for part in parts if part)}" if record.device else ""
