"""Finds the adapters: the project's own, those of installed packages, and those in folders the user names."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.discovery import Found, read_adapters, read_metrics
from bench.errors import ADAPTER_FAULTS, BenchError, InvalidInputError, UnknownNameError
from bench.fingerprint import source_hash
from bench.metadata import DatasetInfo, MethodInfo

if TYPE_CHECKING:
    from bench.adapters import Dataset, FairData, Method
    from bench.metrics.custom import CustomMetric

__all__ = [
    "Entry",
    "Registry",
    "get_dataset",
    "get_method",
    "load_adapter",
    "load_dataset",
    "normalise",
    "read_sources_anew",
]

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
        self.refuse_if_unusable()
        return load_adapter(self.module, self.class_name, self.path)

    def refuse_if_unusable(self) -> None:
        """Raise BenchError, with the reason, if the adapter cannot be used."""
        if self.problem:
            raise BenchError(f"the {self.kind} '{self.name}' ({self.origin}) cannot be used: {self.problem}")

    def source(self) -> str:
        """Hash of the code that defines the adapter."""
        return _source_hash(self.path)

    def given(self, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """What `settings`, parameters by adapter, say of this one."""
        return {key: held[key] for name, held in settings.items() if normalise(name) == self.name for key in held}


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
        return self._by_name([entry for entry in self._all if entry.kind == "method" and not _wraps(entry)])

    @cached_property
    def wrappers(self) -> dict[str, Entry]:
        """Methods that start from the clusters of another, by the name before the brackets."""
        return self._by_name([entry for entry in self._all if entry.kind == "method" and _wraps(entry)])

    @cached_property
    def datasets(self) -> dict[str, Entry]:
        """Data sets by name."""
        return self._by_name([entry for entry in self._all if entry.kind == "dataset"])

    @cached_property
    def metrics(self) -> dict[str, CustomMetric]:
        """Metrics of the user's own, from the plug-in folders, by name.

        Raises
        ------
        BenchError
            If a file with one cannot be imported.
        InvalidInputError
            If two have one name.
        """
        from bench.metrics.custom import custom_metric_of

        found: dict[str, CustomMetric] = {}
        for path in (path for folder in self.plugins for path in _files(folder)):
            for name in read_metrics(path):
                metric = custom_metric_of(load_adapter(f"{_package(path.parent)}.{path.stem}", name, path))
                if metric is None:
                    continue
                if metric.name in found:
                    raise InvalidInputError(f"{path.name} has a metric called '{metric.name}', and so has another file")
                found[metric.name] = metric
        return found

    def get(self, kind: AdapterKind, name: str) -> Entry:
        """Return the adapter called `name`; hyphens and capitals do not matter.

        Raises
        ------
        UnknownNameError
            If there is none, with the nearest name.
        """
        entry = self.find(kind, name)
        if entry is None:
            entries = self.methods if kind == "method" else self.datasets
            raise UnknownNameError(kind_title(kind), name, entries, f"`bench list {kind}s` describes them.")
        return entry

    def find(self, kind: AdapterKind, name: str, *, recorded: bool = False) -> Entry | None:
        """Return the adapter called `name`, or None; for a method also a composition, or a class by its path.

        Parameters
        ----------
        kind : {"method", "dataset"}
            What to look for.
        name : str
            Such as ``"dec"``, ``"falg(dec)"``, or ``"sklearn.cluster.KMeans"``.
        recorded : bool
            Whether a record, which may be anybody's, names it and not the user.

        Raises
        ------
        BenchError
            If `name` is a composition or a path, and stands for no method: says why.
        """
        name = normalise(name)
        if kind == "method" and "(" in name:
            from bench.composition import composed_entry

            return composed_entry(name, self, recorded=recorded)
        if kind == "method" and "." in name:
            from bench.estimators import class_entry, recorded_entry

            return recorded_entry(name) if recorded else class_entry(name)
        return (self.methods if kind == "method" else self.datasets).get(name)

    def recorded_methods(self, names: Iterable[str]) -> dict[str, Entry]:
        """:attr:`methods`, and those compositions and classes among `names` that are known here."""
        found = dict(self.methods)
        for name in names:
            try:
                entry = found.get(name) or self.find("method", name, recorded=True)
            except (BenchError, RecursionError):
                # The second for a name with a thousand brackets, which a record can have.
                continue
            if entry is not None:
                found[name] = entry
        return found

    def _by_name(self, chosen: Sequence[Entry]) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for entry in chosen:
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
    """Return `name` as the registry spells it; the path of a class keeps its capitals.

    Examples
    --------
    >>> normalise("AE-kmeans"), normalise("FAlg(DEC)"), normalise("my_package.module:Class")
    ('ae_kmeans', 'falg(dec)', 'my_package.module.Class')
    """
    name = name.strip()
    outer, bracket, rest = name.partition("(")
    if bracket:
        inner, closed, after = rest.rpartition(")")
        return f"{normalise(outer)}({normalise(inner)}){after}" if closed else f"{normalise(outer)}({rest}"
    if "." in name or ":" in name:
        return name.replace(":", ".")
    return name.lower().replace("-", "_")


def kind_title(kind: AdapterKind) -> str:
    """Return the kind in words."""
    return "data set" if kind == "dataset" else kind


@cache
def _source_hash(path: Path) -> str:
    return source_hash(path)


def read_sources_anew() -> None:
    """Forget what :meth:`Entry.source` remembers, in a process that outlives changes to the files."""
    _source_hash.cache_clear()


def _wraps(entry: Entry) -> bool:
    return isinstance(entry.info, MethodInfo) and entry.info.wraps


def _built_in() -> Iterator[Entry]:
    for kind in ("method", "dataset"):
        package = import_module(f"bench.{kind}s")
        for folder in package.__path__:
            yield from _folder(Path(folder), f"bench.{kind}s", "built in")


def _installed() -> Iterator[Entry]:
    kinds: tuple[AdapterKind, ...] = ("method", "dataset")
    for kind in kinds:
        for point in entry_points(group=f"fair_clustering_bench.{kind}s"):
            origin = f"package {point.dist.name}" if point.dist else "an installed package"
            path = _source_of(point.module)
            found = read_adapters(path) if path else []
            chosen = [adapter for adapter in found if point.attr in ("", adapter.class_name)]
            if path and chosen:
                yield from (_entry(adapter, path, point.module, origin) for adapter in chosen)
            else:
                problem = f"its entry point names {point.value}, and there is no class with an info"
                yield Entry(kind, normalise(point.name), None, point.module, point.attr, Path(), origin, problem)


def _source_of(module: str) -> Path | None:
    """Source file of a module, found without importing the packages around it; None if there is none."""
    root, *parts = module.split(".")
    spec, name = find_spec(root), root
    for part in parts:
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations) if spec else None
    return Path(spec.origin) if spec and spec.origin else None


def _plugged_in(folder: Path) -> Iterator[Entry]:
    for entry in _folder(folder, _package(folder), f"plug-in folder {folder.name}"):
        yield _imported(entry)


def _package(folder: Path) -> str:
    """Name of the package made up for a plug-in folder."""
    return "bench_plugins_" + hashlib.sha256(str(folder).encode()).hexdigest()[:12]


def _imported(entry: Entry) -> Entry:
    try:
        entry.load()
    except BenchError as error:
        return replace(entry, problem=entry.problem or str(error))
    return entry


def _folder(folder: Path, package: str, origin: str) -> Iterator[Entry]:
    for path in _files(folder):
        for found in read_adapters(path):
            yield _entry(found, path, f"{package}.{path.stem}", origin)


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.py")) if not path.name.startswith("_")]


def _entry(found: Found, path: Path, module: str, origin: str) -> Entry:
    kind: AdapterKind = "dataset" if isinstance(found.info, DatasetInfo) or "datasets" in module else "method"
    if isinstance(found.info, MethodInfo):
        kind = "method"
    name = normalise(found.info.name if found.info else found.class_name)
    problem = found.problem
    if found.info and not re.fullmatch("[a-z0-9_]+", name):
        # It becomes a part of file names.
        problem = f"its name is {name!r}; a name has letters, digits and underscores"
    return Entry(kind, name, found.info, module, found.class_name, path, origin, problem)
