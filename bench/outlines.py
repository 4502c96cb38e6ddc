"""Records without their long parts, and a memory of them: what tables need of a folder with very many."""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from bench.errors import ResultsError
from bench.record import Record
from bench.records import read_record, write_whole

__all__ = ["outlines"]

# The files alone say what the records are: a memory that is missing, damaged or outdated is done without.
_HEAD = b"bench outlines 1 %08x\n"
# Fewer are read again as fast as the whole memory is written.
_WORTH_KEEPING = 500
# A file changed twice within the resolution of its time stamps looks unchanged: one that has just been written is
# not remembered yet.
_SETTLED_NS = 2_000_000_000


def outlines(folder: Path, memo: Path) -> list[Record]:
    """All readable records of a folder, in the order of their keys, with empty ``history`` and ``labels``.

    A file whose size, time stamps and inode are those that are remembered is not opened.

    Parameters
    ----------
    folder : Path
        Holds a file for every record.
    memo : Path
        File that remembers outlines; written where that saves the next call some time and the folder lets it.
    """
    known = _read(memo)
    lines: dict[bytes, bytes] = {}
    read_anew = 0
    found = []
    for name, stamp, changed in _files(folder):
        record = _parsed(known.get(stamp))
        if record is not None:
            lines[stamp] = known[stamp]
        else:
            whole = read_record(folder / name)
            if whole is None:
                continue
            record = whole.model_copy(update={"history": [], "labels": ""})
            if name == f"{record.key}.json" and time.time_ns() - changed > _SETTLED_NS:
                lines[stamp] = record.model_dump_json().encode()
                read_anew += 1
        found.append(record)
    if read_anew > _WORTH_KEEPING:
        _write(memo, lines)
    return found


def _files(folder: Path) -> Iterator[tuple[str, bytes, int]]:
    """Name, stamp and time of the latest change in nanoseconds of each file that may hold a record."""
    try:
        with os.scandir(folder) as entries:
            files = sorted((entry.name, entry) for entry in entries if entry.name.endswith(".json"))
    except OSError:
        return
    for name, entry in files:
        status = entry.stat()
        numbers = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        yield name, b"%s %d %d %d %d" % (os.fsencode(name), *numbers), status.st_ctime_ns


def _parsed(line: bytes | None) -> Record | None:
    if line is None:
        return None
    try:
        return Record.model_validate_json(line)
    except ValidationError:
        # Of another version of bench.
        return None


def _read(memo: Path) -> dict[bytes, bytes]:
    """Outlines by stamp; none if the memory is not whole."""
    try:
        content = memo.read_bytes()
    except OSError:
        return {}
    body = content[len(_HEAD % 0) :]
    if content[: len(_HEAD % 0)] != _HEAD % zlib.crc32(body):
        return {}
    return dict(line.split(b"\t", 1) for line in body.splitlines())


def _write(memo: Path, lines: dict[bytes, bytes]) -> None:
    body = b"".join(b"%s\t%s\n" % line for line in lines.items())
    with contextlib.suppress(ResultsError):
        write_whole(memo, lambda stream: stream.write(_HEAD % zlib.crc32(body) + body), durable=False)
