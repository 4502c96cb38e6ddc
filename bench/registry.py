"""Finds the adapters: the project's own, those of installed packages, and those in folders the user names."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.discovery import Found, read_adapters
from bench.errors import ADAPTER_FAULTS, BenchError, InvalidInputError, UnknownNameError
from bench.metadata import DatasetInfo, MethodInfo

if TYPE_CHECKING:
    from bench.adapters import Dataset, FairData, Method

__all__ = ["Entry", "Registry", "get_dataset", "get_method", "load_adapter", "load_dataset", "normalise"]

AdapterKind = Literal["method", "dataset"]


@dataclass(frozen=True)
class Entry:
    """One adapter, not yet imported.

    Parameters
    ----------
    kind : {"method", "dataset"}
        What it is.
    name : str
        Registry name.
    info : MethodInfo or DatasetInfo or None
        Its metadata; None if they could not be read.
    module : str
        Import name of its module; for a plug-in folder, inside a package made up for that folder.
    class_name : str
        Name of the class.
    path : Path
        Source file.
    origin : str
        Where it was found, in words.
    problem : str
        Why it cannot be used; empty if it can.
    """

    kind: AdapterKind
    name: str
    info: MethodInfo | DatasetInfo | None
    module: str
    class_name: str
    path: Path
    origin: str
    problem: str = ""

    def load(self) -> type[Any]:
        """Import the adapter's class.

        Raises
        ------
        BenchError
            If it cannot be used, with the reason.
        """
        if self.problem:
            raise BenchError(f"the {self.kind} '{self.name}' ({self.origin}) cannot be used: {self.problem}")
        return load_adapter(self.module, self.class_name, self.path)


def load_adapter(module: str, class_name: str, path: Path) -> type[Any]:
    """Import the class of an adapter, also in another process.

    Parameters
    ----------
    module, class_name : str
        As in :class:`Entry`.
    path : Path
        Source file; its folder becomes a package when `module` belongs to a plug-in folder.

    Raises
    ------
    BenchError
        If the import fails, with the reason.
    """
    package = module.partition(".")[0]
    if package.startswith("bench_plugins_") and package not in sys.modules:
        spec = ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(path.parent)]
        sys.modules[package] = module_from_spec(spec)
    try:
        adapter: type[Any] = getattr(import_module(module), class_name)
    except ADAPTER_FAULTS as error:
        raise BenchError(f"{path.name} cannot be imported: {type(error).__name__}: {error}") from error
    return adapter


class Registry:
    """The adapters that are there, read on first use.

    Parameters
    ----------
    plugins : sequence of Path
        Folders with adapter files, as named by the user. Only these are imported at once, so that a file that
        fails on import is listed with its reason; the others are read, not run.

    Raises
    ------
    InvalidInputError
        If a plug-in folder does not exist.
    """

    def __init__(self, plugins: Sequence[Path] = ()) -> None:
        for folder in plugins:
            if not folder.is_dir():
                raise InvalidInputError(f"plug-in folder {folder} does not exist; --plugins takes a folder")
        self.plugins = tuple(folder.resolve() for folder in plugins)

    @cached_property
    def methods(self) -> dict[str, Entry]:
        """Methods by name."""
        return self._by_name("method")

    @cached_property
    def datasets(self) -> dict[str, Entry]:
        """Data sets by name."""
        return self._by_name("dataset")

    def get(self, kind: AdapterKind, name: str) -> Entry:
        """Return the adapter called `name`; hyphens and capitals do not matter.

        Raises
        ------
        UnknownNameError
            If there is none, with the nearest name.
        """
        entries = self.methods if kind == "method" else self.datasets
        entry = entries.get(normalise(name))
        if entry is None:
            raise UnknownNameError(kind_title(kind), name, entries, f"`bench list {kind}s` describes them.")
        return entry

    def _by_name(self, kind: AdapterKind) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for entry in self._all:
            if entry.kind != kind:
                continue
            holder = entries.get(entry.name)
            if holder is None:
                entries[entry.name] = entry
            else:
                taken = f"{entry.name}@{entry.path.stem}"
                entries[taken] = replace(entry, name=taken, problem=f"its name is taken by {holder.origin}")
        return dict(sorted(entries.items()))

    @cached_property
    def _all(self) -> list[Entry]:
        return [*_built_in(), *_installed(), *(entry for folder in self.plugins for entry in _plugged_in(folder))]


def get_method(name: str) -> type[Method]:
    """Return the class of the method called `name`.

    Examples
    --------
    >>> import bench
    >>> bench.get_method("kmeans").info.title
    'k-means'
    """
    return Registry().get("method", name).load()


def get_dataset(name: str) -> type[Dataset]:
    """Return the class of the data set called `name`."""
    return Registry().get("dataset", name).load()


def load_dataset(name: str, **params: Any) -> FairData:
    """Load the data set called `name` with the given parameters."""
    from bench.data.store import Store

    data: FairData = get_dataset(name)(**params).load(Store.default())
    return data


def normalise(name: str) -> str:
    """Return `name` as the registry spells it."""
    return name.strip().lower().replace("-", "_")


def kind_title(kind: AdapterKind) -> str:
    """Return the kind in words."""
    return "data set" if kind == "dataset" else kind


def _built_in() -> Iterator[Entry]:
    for kind in ("method", "dataset"):
        package = import_module(f"bench.{kind}s")
        for folder in package.__path__:
            yield from _folder(Path(folder), f"bench.{kind}s", "built in")


def _installed() -> Iterator[Entry]:
    for kind in ("methods", "datasets"):
        for point in entry_points(group=f"fair_clustering_bench.{kind}"):
            module, _, class_name = point.value.partition(":")
            origin = f"package {point.dist.name}" if point.dist else "an installed package"
            spec = find_spec(module) if find_spec(module.partition(".")[0]) else None
            if spec is None or spec.origin is None:
                continue
            path = Path(spec.origin)
            for found in read_adapters(path):
                if not class_name or found.class_name == class_name:
                    yield _entry(found, path, module, origin)


def _plugged_in(folder: Path) -> Iterator[Entry]:
    package = "bench_plugins_" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    for entry in _folder(folder, package, f"plug-in folder {folder.name}"):
        yield _imported(entry)


def _imported(entry: Entry) -> Entry:
    try:
        entry.load()
    except BenchError as error:
        return replace(entry, problem=entry.problem or str(error))
    return entry


def _folder(folder: Path, package: str, origin: str) -> Iterator[Entry]:
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith("_"):
            continue
        for found in read_adapters(path):
            yield _entry(found, path, f"{package}.{path.stem}", origin)


def _entry(found: Found, path: Path, module: str, origin: str) -> Entry:
    kind: AdapterKind = "dataset" if isinstance(found.info, DatasetInfo) or "datasets" in module else "method"
    if isinstance(found.info, MethodInfo):
        kind = "method"
    name = found.info.name if found.info else found.class_name
    return Entry(kind, normalise(name), found.info, module, found.class_name, path, origin, found.problem)
