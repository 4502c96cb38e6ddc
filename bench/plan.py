"""From what was asked for to runs: methods x data sets x seeds, each with a key that names its outcome."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.data.prepared import Prepared, prepare
from bench.data.store import Store
from bench.errors import BenchError, InvalidInputError, MissingDataError, UnknownNameError
from bench.metadata import REFERENCE_INFO, MethodInfo
from bench.metrics.custom import CustomMetric
from bench.record import RunSpec, Status, canonical_json
from bench.registry import AdapterKind, Entry, Registry, kind_title, normalise
from bench.suite import Grid, Settings, Suite

__all__ = ["REFERENCE", "Plan", "PlannedRun", "make_plan", "run_key"]

# Rules that decide what a run means: what a method is given and how its labels are read. Metrics are not among
# them, since they are recomputed from stored labels.
PROTOCOL = 1

# Stands among the methods in a plan, but has no code: no method could do what it does.
REFERENCE = Entry("method", REFERENCE_INFO.name, REFERENCE_INFO, "", "", Path(), "the harness")

# Set by the harness for every run; how fast a run goes must not change its key.
_HARNESS_PARAMS = {"random_state": "--seeds", "device": "--device", "n_jobs": "--jobs"}


@dataclass(frozen=True)
class PlannedRun:
    """One requested run.

    Parameters
    ----------
    spec : RunSpec
        What decides its outcome.
    method : Entry
        The method's adapter, or ``REFERENCE``.
    prepared : Prepared or None
        The data; None where they are missing.
    decided : tuple of (status, reason) or None
        The outcome of a run that cannot start, known before any work.
    suite : str
        Name of the suite it belongs to.
    timeout : float or None
        Seconds it may take.
    metrics : tuple of CustomMetric
        Metrics of the user's own that its record is to hold.
    tuned : str
        How its parameters were chosen, see :class:`bench.record.Record`.
    """

    spec: RunSpec
    method: Entry
    prepared: Prepared | None
    decided: tuple[Status, str] | None = None
    suite: str = ""
    timeout: float | None = None
    metrics: tuple[CustomMetric, ...] = ()
    tuned: str = ""

    @property
    def key(self) -> str:
        """Run key."""
        return run_key(self.spec)

    @property
    def info(self) -> MethodInfo:
        """Metadata of the method."""
        info = self.method.info
        if not isinstance(info, MethodInfo):
            raise BenchError(f"'{self.spec.method}' is no method")
        return info

    def __str__(self) -> str:
        """Return how people name the run."""
        return f"{self.spec.method} on {self.spec.dataset}, seed {self.spec.seed}"


@dataclass(frozen=True)
class Plan:
    """Requested runs, each once, and what ``all`` left out.

    Parameters
    ----------
    runs : tuple of PlannedRun
        In the order asked for.
    left_out : tuple of str
        Adapters that ``all`` could not include, with the reason.
    """

    runs: tuple[PlannedRun, ...]
    left_out: tuple[str, ...] = ()


def run_key(spec: RunSpec) -> str:
    """sha256 over the canonical JSON of `spec`."""
    return hashlib.sha256(canonical_json(spec.model_dump()).encode()).hexdigest()


def make_plan(suite: Suite, registry: Registry, store: Store, settings: Settings | None = None) -> Plan:
    """Resolve names, parameters and data of every grid in `suite`.

    Parameters
    ----------
    suite : Suite
        What to run.
    registry : Registry
        Where names are looked up.
    store : Store
        Where files are looked up.
    settings : dict, optional
        Parameters by adapter that override the suite's.

    Raises
    ------
    UnknownNameError
        For a method, data set or parameter that does not exist.
    InvalidInputError
        For a parameter that is the harness's to set, or an empty selection.
    """
    planner = _Planner(suite, registry, store, settings or {})
    runs = {run.key: run for grid in suite.grid for variant in grid.variants() for run in planner.grid(variant)}
    if not runs:
        raise InvalidInputError("nothing selected: no method or no data set is usable; `bench doctor` says why")
    planner.refuse_unused(settings or {})
    return Plan(tuple(runs.values()), tuple(dict.fromkeys(planner.left_out)))


@dataclass
class _Planner:
    suite: Suite
    registry: Registry
    store: Store
    settings: Settings
    left_out: list[str] = field(default_factory=list)

    def grid(self, grid: Grid) -> Iterable[PlannedRun]:
        """Runs of one grid: data set by data set, so that each is prepared once."""
        methods = self._select("method", grid.methods)
        datasets = self._select("dataset", grid.datasets)
        for dataset in datasets:
            data_params = self._resolved(dataset, grid)
            _refuse_unnamed_file(dataset, data_params)
            prepared, problem = self._prepare(dataset, data_params)
            for method in methods:
                params = {} if method is REFERENCE else self._resolved(method, grid)
                source = "" if method is REFERENCE else method.source()
                for seed in grid.seeds:
                    spec = RunSpec(
                        method=method.name,
                        method_params=params,
                        method_source=source,
                        dataset=dataset.name,
                        dataset_params=dataset.load().portable(data_params),
                        data_hash=prepared.content_hash if prepared else "missing",
                        seed=seed,
                        protocol=PROTOCOL,
                    )
                    yield self._planned(spec, method, prepared, problem)

    def _planned(self, spec: RunSpec, method: Entry, prepared: Prepared | None, problem: str) -> PlannedRun:
        decided: tuple[Status, str] | None = None
        if prepared is None:
            decided = ("missing-data", problem)
        elif method is REFERENCE and prepared.y() is None:
            decided = ("not-applicable", "the data have no true labels")
        elif isinstance(method.info, MethodInfo) and (refusal := method.info.refusal(prepared.n_groups)):
            decided = ("not-applicable", refusal)
        metrics = tuple(self.registry.metrics.values())
        return PlannedRun(spec, method, prepared, decided, self.suite.name, self.suite.timeout, metrics)

    def _prepare(self, dataset: Entry, params: dict[str, Any]) -> tuple[Prepared | None, str]:
        try:
            return prepare(dataset, params, self.store), ""
        except MissingDataError as error:
            return None, str(error)

    def _select(self, kind: AdapterKind, names: Sequence[str]) -> list[Entry]:
        entries = self.registry.methods if kind == "method" else self.registry.datasets
        chosen: dict[str, Entry] = {}
        for name in (normalise(part) for text in names for part in text.split(",") if part.strip()):
            if kind == "method" and name == REFERENCE.name:
                chosen[name] = REFERENCE
            elif name == "all":
                chosen.update(self._everything(kind, entries))
            else:
                entry = self.registry.find(kind, name)
                if entry is None:
                    known = [*entries, "all", *([REFERENCE.name] if kind == "method" else [])]
                    hint = f"`bench list {kind}s` describes them."
                    raise UnknownNameError(kind_title(kind), name, known, hint)
                entry.load()
                chosen[name] = entry
        if not chosen:
            raise InvalidInputError(
                f"no {kind_title(kind)} named; give names or 'all', `bench list {kind}s` shows them"
            )
        return list(chosen.values())

    def _everything(self, kind: AdapterKind, entries: dict[str, Entry]) -> dict[str, Entry]:
        chosen: dict[str, Entry] = {REFERENCE.name: REFERENCE} if kind == "method" else {}
        for entry in entries.values():
            if entry.problem:
                self.left_out.append(f"{kind_title(kind)} '{entry.name}': {entry.problem}")
            elif not getattr(entry.info, "synthetic", False) and not getattr(entry.info, "own_file", False):
                chosen[entry.name] = entry
        return chosen

    def _resolved(self, entry: Entry, grid: Grid) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for source in (grid.set, self.settings):
            given.update(entry.given(source))
        return resolve_params(entry, given)

    def refuse_unused(self, settings: Settings) -> None:
        known = [*self.registry.methods, *self.registry.datasets]
        for name in settings:
            if normalise(name) not in known and self.registry.find("method", name) is None:
                raise UnknownNameError("method or data set in --set", name, known)


def resolve_params(entry: Entry, given: dict[str, Any]) -> dict[str, Any]:
    """All parameters of an adapter that decide its outcome, with `given` in place of defaults.

    Raises
    ------
    UnknownNameError
        For a parameter it does not have.
    InvalidInputError
        For a parameter that the harness sets, or a value that is not JSON.
    """
    adapter = entry.load()
    defaults = adapter().get_params(deep=False)
    for name in given:
        if name in _HARNESS_PARAMS:
            raise InvalidInputError(f"{entry.name}.{name} is set by the harness; use {_HARNESS_PARAMS[name]}")
        if name not in defaults:
            raise UnknownNameError(f"parameter of {entry.name}", name, set(defaults) - set(_HARNESS_PARAMS))
    params = {**defaults, **given}
    # The number of clusters comes with the data unless somebody asks for another.
    if entry.kind == "method" and "n_clusters" not in given:
        params.pop("n_clusters", None)
    params = {name: value for name, value in params.items() if name not in _HARNESS_PARAMS}
    for name, value in params.items():
        try:
            canonical_json(value)
        except (TypeError, ValueError):
            raise InvalidInputError(f"{entry.name}.{name}={value!r} cannot be recorded; give a JSON value") from None
    return params


def _refuse_unnamed_file(dataset: Entry, params: dict[str, Any]) -> None:
    for name in dataset.load().local_params:
        if not isinstance(params[name], str) or not params[name]:
            raise InvalidInputError(
                f"data set '{dataset.name}' reads a file of yours, {dataset.name}.{name}={params[name]!r} names none; "
                f"name it with --set {dataset.name}.{name}=FILE"
            )
