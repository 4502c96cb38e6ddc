"""Prepared data sets on their way to another machine: found there by content, or sent as bytes and checked.

The classes stay behind: a run does not open them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.data.prepared import FACTS, Prepared, install, is_whole
from bench.data.store import cache_folder
from bench.errors import BenchError

__all__ = ["Packed", "find_prepared", "pack", "unpack"]

_ARRAYS = ("X.npy", "sensitive.npy")


@dataclass(frozen=True)
class Packed:
    """A prepared data set without its classes.

    Parameters
    ----------
    content_hash : str
        See :meth:`bench.adapters.FairData.content_hash`; over the classes too, so it cannot be verified without them.
    files : mapping of str to bytes
        Content by file name.
    sha256 : str
        Over names and contents.
    """

    content_hash: str
    files: Mapping[str, bytes]
    sha256: str


def find_prepared(content_hash: str) -> Prepared | None:
    """Return the data set with this content from the prepared ones in the cache of this machine, or None."""
    for facts in sorted((cache_folder() / "prepared").glob(f"[!.]*/{FACTS}")):
        if is_whole(facts.parent) and (found := Prepared(facts.parent)).content_hash == content_hash:
            return found
    return None


def pack(prepared: Prepared) -> Packed:
    """Read the files of `prepared` that a run opens."""
    files = {name: (prepared.folder / name).read_bytes() for name in _ARRAYS}
    sizes = {name: len(content) for name, content in files.items()}
    files[FACTS] = json.dumps({**prepared.facts, "bytes": sizes}).encode()
    return Packed(prepared.content_hash, files, _digest(files))


def unpack(packed: Packed) -> Prepared:
    """Put what was sent into the cache of this machine.

    Raises
    ------
    BenchError
        If it is not what was sent, or cannot be written.
    """
    if _digest(packed.files) != packed.sha256:
        raise BenchError(f"data with content hash {packed.content_hash[:12]} changed on their way; start again")

    def write(draft: Path) -> None:
        for name, content in packed.files.items():
            (draft / name).write_bytes(content)

    folder = cache_folder() / "prepared" / f"sent-{packed.content_hash[:16]}"
    return Prepared(install(folder, write, sum(map(len, packed.files.values()))))


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()
