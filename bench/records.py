"""Where records are kept: a file each in a results folder, or many in one compact file."""

from __future__ import annotations

import os
import tempfile
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from bench.errors import ResultsError
from bench.record import Record

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "RecordFile",
    "RecordStore",
    "RecordWarning",
    "Records",
    "latest",
    "open_records",
    "read_record",
    "record_row",
    "write_whole",
]


class RecordWarning(UserWarning):
    """A record that could not be read and counts as not there."""


class Records(ABC):
    """Records that can be read, wherever they are kept."""

    @abstractmethod
    def __iter__(self) -> Iterator[Record]:
        """All readable records, in the order of their keys."""

    def outlines(self) -> Iterable[Record]:
        """All readable records, in the order of their keys; the long ``history`` and ``labels`` may be empty."""
        return self

    def current(self) -> list[Record]:
        """One record for every (method, data set, seed): the latest, where code or data have changed in between."""
        return latest(self)

    def frame(self) -> pd.DataFrame:
        """Return :meth:`current` as a table: one row a run, parameters as ``method.NAME`` and ``dataset.NAME``."""
        import pandas as pd

        return pd.DataFrame([record_row(record) for record in latest(self.outlines())])


def latest(records: Iterable[Record]) -> list[Record]:
    """Of records of the same method, data set and seed the one that ended last, in the order of the cells."""
    held: dict[tuple[str, str, str, str, int], Record] = {}
    for record in records:
        cell = record.spec.cell
        earlier = held.get(cell)
        if earlier is None or (record.ended, record.key) > (earlier.ended, earlier.key):
            held[cell] = record
    return [held[cell] for cell in sorted(held)]


class RecordStore(Records):
    """The records of one results folder, a file each.

    Parameters
    ----------
    folder : Path
        The results folder; records lie in its subfolder ``records``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.records = self.folder / "records"

    def prepare(self) -> None:
        """Create the folder and prove that it can be written.

        Raises
        ------
        ResultsError
            If it cannot.
        """
        try:
            self.records.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.records):
                pass
        except OSError as error:
            raise ResultsError(
                f"the results folder {self.folder} cannot be written ({error.strerror}); "
                "name another with --results DIR"
            ) from None

    def path(self, key: str) -> Path:
        """Where the record of `key` lies."""
        return self.records / f"{key}.json"

    def log_path(self, key: str) -> Path:
        """Where the run of `key` leaves what it printed and the traceback it ended with."""
        return self.folder / "logs" / f"{key}.log"

    def write(self, record: Record) -> Path:
        """Write `record` so that a reader, or a crash, sees it whole or not at all.

        Raises
        ------
        ResultsError
            If the file cannot be written.
        """
        text = record.model_dump_json(indent=None) + "\n"
        return write_whole(self.path(record.key), lambda stream: stream.write(text.encode()))

    def write_embedding(self, key: str, embedding: NDArray[np.float32]) -> Path:
        """Keep the embedding of a run for figures, in half precision; it is not part of the record.

        Raises
        ------
        ResultsError
            If the file cannot be written.
        """
        folder = self.folder / "embeddings"
        folder.mkdir(exist_ok=True)
        return write_whole(
            folder / f"{key}.npy", lambda stream: np.save(stream, embedding.astype(np.float16), allow_pickle=False)
        )

    def embedding(self, key: str) -> NDArray[np.float32] | None:
        """Return the embedding of the run of `key`, (n, e), or None if none was kept."""
        path = self.folder / "embeddings" / f"{key}.npy"
        return np.load(path, allow_pickle=False).astype(np.float32) if path.exists() else None

    def read(self, key: str) -> Record | None:
        """Return the record of `key`, or None when there is none; an unreadable file is set aside with a warning."""
        path = self.path(key)
        return read_record(path) if path.exists() else None

    def outlines(self) -> list[Record]:
        """All readable records, in the order of their keys, with empty ``history`` and ``labels``."""
        from bench.outlines import outlines

        return outlines(self.records, self.folder / "records.cache")

    def __iter__(self) -> Iterator[Record]:
        """All readable records, in the order of their keys."""
        for path in sorted(self.records.glob("*.json")):
            record = read_record(path)
            if record is not None:
                yield record


class RecordFile(Records):
    """Records in one file, a line each: what is committed and passed on.

    Parameters
    ----------
    path : Path
        File in JSON Lines, ending in ``.jsonl``.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def __iter__(self) -> Iterator[Record]:
        """All readable records, in the order of their keys.

        Raises
        ------
        ResultsError
            If there is no such file.
        """
        try:
            lines = self.path.read_bytes().splitlines()
        except OSError as error:
            raise ResultsError(f"{self.path} cannot be read ({error.strerror})") from None
        for number, line in enumerate(lines, start=1):
            record = _parse(line, f"{self.path}, line {number}")
            if record is not None:
                yield record

    def write(self, records: Iterable[Record]) -> Path:
        """Replace the file by one with `records`, sorted by key: equal records, equal bytes.

        Raises
        ------
        ResultsError
            If the file cannot be written.
        """
        lines = [record.model_dump_json() + "\n" for record in sorted(records, key=lambda record: record.key)]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return write_whole(self.path, lambda stream: stream.write("".join(lines).encode()))


def open_records(path: Path) -> Records:
    """Records at `path`: a file that ends in ``.jsonl``, or a results folder."""
    return RecordFile(path) if path.suffix == ".jsonl" else RecordStore(path)


def read_record(path: Path) -> Record | None:
    """Return the record in the file at `path`, or None with a warning that names the file and what is wrong with it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        warnings.warn(_unreadable(str(path), error.strerror or str(error)), RecordWarning, stacklevel=4)
        return None
    return _parse(content, str(path))


def write_whole(target: Path, write: Callable[[IO[bytes]], object], *, durable: bool = True) -> Path:
    """Write a file so that a reader, or a crash, sees it whole or not at all.

    Parameters
    ----------
    target : Path
        The file; its folder exists.
    write : callable
        Writes the content into the stream it is given.
    durable : bool
        Whether to wait until a power cut cannot undo it.

    Raises
    ------
    ResultsError
        If it cannot be written; what was there before is still there.
    """
    # The temporary file ends otherwise than any file that readers pick up.
    temporary = target.with_suffix(f".{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            write(stream)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ResultsError(f"{target} cannot be written ({error.strerror or error})") from None
    return target


def _parse(content: bytes, where: str) -> Record | None:
    try:
        record = Record.model_validate_json(content)
        # A parameter that is no JSON value, such as NaN, would fail wherever records are compared.
        _ = record.spec.cell
    except ValidationError as error:
        warnings.warn(_unreadable(where, _fault(error)), RecordWarning, stacklevel=5)
    except ValueError as error:
        warnings.warn(_unreadable(where, f"a parameter: {error}"), RecordWarning, stacklevel=5)
    else:
        return record
    return None


def _fault(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["loc"] == ("format",):
        return f"it has format {first['input']!r}, this version of bench reads format 1"
    return first["msg"]


def _unreadable(where: str, reason: str) -> str:
    return f"record {where} cannot be read ({reason}); its run counts as not done, the file is left for you"


def record_row(record: Record) -> dict[str, Any]:
    """`record` as one row of a table: parameters as ``method.NAME`` and ``dataset.NAME``."""
    row: dict[str, Any] = {
        "key": record.key,
        "method": record.spec.method,
        "dataset": record.spec.dataset,
        "seed": record.spec.seed,
        "status": record.status,
        "reason": record.reason,
        **record.metrics,
    }
    for side, params in (("method", record.spec.method_params), ("dataset", record.spec.dataset_params)):
        row.update({f"{side}.{name}": value for name, value in params.items()})
    for name in ("fit_seconds", "peak_rss_mb", "peak_gpu_mb", "started", "ended", "device", "precision", "commit"):
        row[name] = getattr(record, name)
    return row
