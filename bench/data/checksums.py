"""Checksums of data files, computed once and remembered until a file changes."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.errors import InvalidInputError

__all__ = ["digest", "split_checksum"]

# A file changed twice within the resolution of its time stamps looks unchanged: one that has just been written is
# not remembered yet.
_SETTLED_NS = 2_000_000_000

_KINDS = ("sha256", "md5", "gitblob")


def digest(path: Path, kind: str, memo: Path) -> str:
    """Digest of a file's content.

    Parameters
    ----------
    path : Path
        The file.
    kind : {"sha256", "md5", "gitblob"}
        ``"gitblob"`` is the id under which git stores the content (``git hash-object FILE``).
    memo : Path
        File that remembers digests. A file whose size and time stamps are unchanged is not read again. A memo that
        is corrupt or cannot be written is done without.

    Returns
    -------
    str
        Hexadecimal, lower case.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    key = f"{kind}:{path.resolve()}"
    known = _read(memo).get(key)
    if isinstance(known, list) and known[:-1] == stamp:
        return str(known[-1])
    value = _compute(path, kind, status.st_size)
    if time.time_ns() - status.st_ctime_ns > _SETTLED_NS:
        _remember(memo, key, [*stamp, value])
    return value


def split_checksum(checksum: str) -> tuple[str, str]:
    """Kind and digest of a published checksum such as ``"sha256:12ab..."``.

    Raises
    ------
    InvalidInputError
        For a kind that is not known.
    """
    kind, _, value = checksum.partition(":")
    if kind not in _KINDS:
        raise InvalidInputError(f"checksum '{checksum}' given; it takes {', '.join(f'{name}:...' for name in _KINDS)}")
    return kind, value.lower()


def _compute(path: Path, kind: str, size: int) -> str:
    def start() -> Any:
        if kind == "gitblob":
            return hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
        return hashlib.new(kind, usedforsecurity=False)

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, start).hexdigest()


def _read(memo: Path) -> dict[str, Any]:
    try:
        known = json.loads(memo.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(memo: Path, key: str, entry: list[Any]) -> None:
    known = {name: old for name, old in _read(memo).items() if Path(name.partition(":")[2]).exists()}
    known[key] = entry
    draft = None
    try:
        memo.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=memo.parent, delete=False, encoding="utf-8") as stream:
            draft = Path(stream.name)
            json.dump(known, stream)
        os.replace(draft, memo)  # noqa: PTH105
    except OSError:
        # The next command computes it again.
        if draft is not None:
            draft.unlink(missing_ok=True)
