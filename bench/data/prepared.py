"""Data sets as arrays on disk: read once, hashed once, mapped into memory by every run that needs them.

A run's process opens X and the sensitive attribute. The classes lie in a file of their own that only the
evaluation opens, so a method cannot see them even by mistake.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.adapters import Dataset, FairData
from bench.data.store import Store, cache_folder, file_digest
from bench.errors import BenchError
from bench.fingerprint import source_hash
from bench.record import canonical_json
from bench.registry import Entry

__all__ = ["FACTS", "Prepared", "install", "is_whole", "prepare"]

FACTS = "facts.json"


@dataclass(frozen=True)
class Prepared:
    """A data set whose arrays lie in `folder`.

    Parameters
    ----------
    folder : Path
        Holds ``X.npy``, ``sensitive.npy``, ``y.npy`` (where there are classes) and ``facts.json``.
    """

    folder: Path

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Sizes, names and content hash."""
        facts: dict[str, Any] = json.loads((self.folder / FACTS).read_text(encoding="utf-8"))
        return facts

    @property
    def content_hash(self) -> str:
        """Hash of the arrays, see :meth:`bench.adapters.FairData.content_hash`."""
        return str(self.facts["content_hash"])

    @property
    def k(self) -> int:
        """Number of clusters to ask for."""
        return int(self.facts["k"])

    @property
    def n_groups(self) -> int:
        """Number of groups T."""
        return len(self.facts["group_names"])

    @property
    def note(self) -> str:
        """What the arrays were made from, see :class:`bench.adapters.FairData`."""
        return str(self.facts["note"])

    def X(self) -> NDArray[np.float32]:  # noqa: N802
        """Samples, mapped copy-on-write: a run that writes into them changes nobody's data."""
        samples: NDArray[np.float32] = np.load(self.folder / "X.npy", mmap_mode="c", allow_pickle=False)
        return samples

    def sensitive(self) -> NDArray[np.int64]:
        """Group ids."""
        groups: NDArray[np.int64] = np.load(self.folder / "sensitive.npy", allow_pickle=False)
        return groups

    def y(self) -> NDArray[np.int64] | None:
        """Class ids, for evaluation; None where there is no ground truth."""
        path = self.folder / "y.npy"
        return np.load(path, allow_pickle=False) if path.exists() else None


def prepare(entry: Entry, params: Mapping[str, Any], store: Store) -> Prepared:
    """Load a data set, or find it prepared already.

    Parameters
    ----------
    entry : Entry
        The data set's adapter.
    params : mapping
        Its parameters.
    store : Store
        Where its files are.

    Raises
    ------
    MissingDataError
        If files are missing.
    InvalidInputError
        If the data set refuses the parameters or the files' content.
    BenchError
        If the arrays cannot be written anywhere.
    """
    dataset: Dataset = entry.load()(**params)
    folder = cache_folder() / "prepared" / f"{entry.name}-{_cache_key(entry, dataset, store)[:16]}"
    if not is_whole(folder):
        folder = _save(dataset.load(store), folder)
    return Prepared(folder)


def _cache_key(entry: Entry, dataset: Dataset, store: Store) -> str:
    used = [store.locate(file) for file in dataset.files()]
    parts = {
        "params": dataset.portable(dataset.get_params()),
        "source": source_hash(entry.path),
        "origin": dataset.origin(),
        "files": {file.path: file.checksum or file_digest(path) for found in used for file, path in found.pairs()},
    }
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


def is_whole(folder: Path) -> bool:
    """Whether all arrays are there at full length: a power failure or a full disk can cut off what was moved whole."""
    try:
        sizes = json.loads((folder / FACTS).read_text(encoding="utf-8"))["bytes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _save(data: FairData, folder: Path) -> Path:
    arrays: dict[str, NDArray[Any]] = {"X.npy": data.X, "sensitive.npy": data.sensitive}
    if data.y is not None:
        arrays["y.npy"] = data.y
    size = sum(array.nbytes for array in arrays.values())
    return install(folder, lambda draft: _write(data, arrays, draft), size)


def install(folder: Path, write: Callable[[Path], None], size: int) -> Path:
    """Write a prepared data set beside `folder` and move it there whole; elsewhere if the cache is read-only.

    Parameters
    ----------
    folder : Path
        Where it belongs.
    write : callable
        Writes all its files into the empty folder that it is given.
    size : int
        Their bytes, about.

    Returns
    -------
    Path
        Where it is: `folder`, or a temporary folder that lasts as long as this process.

    Raises
    ------
    BenchError
        If there is no room for it.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    except OSError:
        draft = Path(tempfile.mkdtemp(prefix="bench-prepared-"))
        atexit.register(shutil.rmtree, draft, ignore_errors=True)
        folder = draft
    try:
        write(draft)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise _no_room(draft, error, size) from None
    if folder == draft:
        return draft
    draft.chmod(0o755)
    return _move(draft, folder)


def _move(draft: Path, folder: Path) -> Path:
    if folder.exists() and not is_whole(folder):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        os.replace(draft, folder)  # noqa: PTH105
    except OSError as error:
        # Another process was faster, which is as good.
        shutil.rmtree(draft, ignore_errors=True)
        if not is_whole(folder):
            raise _no_room(folder, error) from None
    return folder


def _write(data: FairData, arrays: Mapping[str, NDArray[Any]], folder: Path) -> None:
    facts = {
        "content_hash": data.content_hash(),
        "k": data.k,
        "shape": list(data.X.shape),
        "class_names": list(data.class_names),
        "group_names": list(data.group_names),
        "note": data.note,
    }
    sizes = {}
    for name, array in arrays.items():
        np.save(folder / name, array, allow_pickle=False)
        sizes[name] = (folder / name).stat().st_size
    (folder / FACTS).write_text(json.dumps({**facts, "bytes": sizes}), encoding="utf-8")


def _no_room(folder: Path, error: OSError, size: int = 0) -> BenchError:
    needed = f" of {size / 1e6:.0f} MB" if size else ""
    return BenchError(
        f"the prepared arrays{needed} cannot be written to {folder.parent} ({error.strerror or error}); "
        "make room, or name another folder with BENCH_CACHE"
    )
