"""Which runs a figure shows, what is said of them above it, and how to make those that are missing."""

from __future__ import annotations

import math
import shlex
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.errors import ResultsError
from bench.metadata import DatasetInfo, MethodInfo
from bench.record import Record, canonical_json
from bench.reporting.axes import Axes, make_axes, parameter_text
from bench.reporting.footnotes import Footnotes
from bench.reporting.mixing import refuse_mixed
from bench.reporting.provenance import Defaults, budget_text

__all__ = ["Catalogue", "Settings", "metric_values", "runs_of", "settings_of", "spread", "whisker_text"]

# The values of the parameters under study, in the order in which they were named.
Setting = tuple[Any, ...]


@dataclass(frozen=True)
class Catalogue:
    """What figures say of methods and data sets.

    Parameters
    ----------
    methods, datasets : mapping of str to MethodInfo or DatasetInfo
        Metadata by registry name; a name that is missing is shown as it is.
    defaults, dataset_defaults : mapping of str to mapping
        Default parameters by registry name: what differs from them is said.
    """

    methods: Mapping[str, MethodInfo] = field(default_factory=dict)
    datasets: Mapping[str, DatasetInfo] = field(default_factory=dict)
    defaults: Defaults = field(default_factory=dict)
    dataset_defaults: Defaults = field(default_factory=dict)

    def method(self, name: str) -> str:
        """Title of a method."""
        return self.methods[name].title if name in self.methods else name

    def dataset(self, name: str) -> str:
        """Title of a data set."""
        return self.datasets[name].title if name in self.datasets else name

    def subject(self, records: Sequence[Record]) -> str:
        """``"FCMI on HAR"``."""
        spec = records[0].spec
        return f"{self.method(spec.method)} on {self.dataset(spec.dataset)}"

    def budget(self, records: Sequence[Record]) -> str:
        """Number of seeds, and the parameters that all `records` of one method share, other than defaults."""
        return budget_text(records, self.usual(records))

    def usual(self, records: Sequence[Record]) -> Mapping[str, Any]:
        """Default parameters of the one method of `records`; none where they are not known."""
        return self.defaults.get(records[0].spec.method, {})

    def command(self, record: Record, seeds: str, **changes: Any) -> str:
        """The command that runs what `record` was once more, with `seeds` and with `changes` to its parameters."""
        spec = record.spec
        words = ["bench", "run", "--methods", spec.method, "--datasets", spec.dataset, "--seeds", seeds]
        for owner, params, usual in (
            (spec.method, {**spec.method_params, **changes}, self.defaults),
            (spec.dataset, spec.dataset_params, self.dataset_defaults),
        ):
            for name, value in params.items():
                if canonical_json(value) != canonical_json(usual.get(owner, {}).get(name)):
                    words += ["--set", f"{owner}.{name}={parameter_text(value)}"]
        return shlex.join(words)

    def axes(self, records: Sequence[Record], *, figure: str) -> Axes:
        """Rows and columns of `records` that ended well.

        Raises
        ------
        ResultsError
            If none did, or if runs in a column do not compare.
        """
        ended = [record for record in records if record.status == "ok"]
        if not ended:
            raise ResultsError(f"there are no runs that ended well for the figure {figure}; `bench run` makes some")
        axes = make_axes(ended, self.methods, self.datasets, Footnotes())
        refuse_mixed(axes, remedy="--methods and --datasets choose")
        return axes


@dataclass(frozen=True)
class Settings:
    """Runs of one method on one data set that differ in the studied parameters alone.

    Parameters
    ----------
    names : tuple of str
        The parameters.
    held : dict of tuple to tuple of Record
        Records by values of `names`, in the order of the seeds.
    """

    names: tuple[str, ...]
    held: dict[Setting, tuple[Record, ...]]

    def values(self, place: int) -> list[Any]:
        """Values of the parameter at `place` in :attr:`names`, numbers by size first."""
        return sorted({setting[place] for setting in self.held}, key=_order)


def runs_of(records: Iterable[Record], method: str, dataset: str) -> list[Record]:
    """Runs of `method` on `dataset` that ended well.

    Raises
    ------
    ResultsError
        If there are none, with the command that makes some.
    """
    found = [r for r in records if (r.spec.method, r.spec.dataset, r.status) == (method, dataset, "ok")]
    if not found:
        raise ResultsError(
            f"there are no runs of {method} on {dataset} that ended well; "
            f"`bench run --methods {method} --datasets {dataset}` makes some"
        )
    return found


def settings_of(records: Sequence[Record], names: Sequence[str], defaults: Mapping[str, Any]) -> Settings:
    """Of the choices of all other parameters and data, the one that was run with most values of `names`.

    Where that is a tie, the one with most seeds, then the one nearest to the defaults.

    Parameters
    ----------
    records : sequence of Record
        Of one method and data set.
    names : sequence of str
        The parameters under study.
    defaults : mapping
        Default parameters of the method.

    Raises
    ------
    ResultsError
        If no record holds these parameters.
    """
    found: dict[str, dict[Setting, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        params = record.spec.method_params
        if all(name in params for name in names):
            found[_rest(record, names)][tuple(_value(params[name]) for name in names)].append(record)
    if not found:
        spec = records[0].spec
        raise ResultsError(f"the runs of {spec.method} on {spec.dataset} have no parameters {' and '.join(names)}")

    def rank(rest: str) -> tuple[int, int, int, str]:
        runs = [run for held in found[rest].values() for run in held]
        params = runs[0].spec.method_params
        usual = sum(canonical_json(defaults.get(name)) == canonical_json(value) for name, value in params.items())
        # The text at last, so that a tie falls alike whatever the order of the records.
        return (len(found[rest]), len(runs), usual, rest)

    best = max(found, key=rank)
    held = {one: tuple(sorted(runs, key=lambda run: run.spec.seed)) for one, runs in found[best].items()}
    return Settings(tuple(names), held)


def metric_values(records: Iterable[Record], metric: str) -> list[float]:
    """Values of `metric`, those that are defined."""
    found = [record.metrics.get(metric) for record in records]
    return [value for value in found if value is not None and math.isfinite(value)]


def spread(values: Sequence[float]) -> float:
    """Sample standard deviation; NaN for one value, which has no whisker."""
    return statistics.stdev(values) if len(values) > 1 else math.nan


def whisker_text(groups: Iterable[Sequence[Record]]) -> str:
    """What a head says of whiskers, each of a group of seeds; nothing where no group has two."""
    return "; whiskers: one standard deviation" if any(len(runs) > 1 for runs in groups) else ""


def _rest(record: Record, names: Sequence[str]) -> str:
    spec = record.spec
    others = {name: value for name, value in spec.method_params.items() if name not in names}
    return canonical_json([others, spec.dataset_params, spec.data_hash, spec.protocol])


def _value(value: Any) -> Any:
    """A parameter as a key: lists and tables as JSON."""
    return canonical_json(value) if isinstance(value, list | dict) else value


def _order(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, then everything else by name."""
    number = isinstance(value, int | float)
    return (not number, float(value) if number else 0.0, str(value))
