"""A metric of your own: one function with a decorator.

Put this into a file of any folder, say ``my-folder/gap.py``::

    from bench.metrics import metric

    @metric(name="gap", title="Size gap", range=(0, 1), higher_is_better=False)
    def gap(counts):
        sizes = counts.sum(axis=(0, 2))
        return (sizes.max() - sizes.min()) / sizes.sum()

and name the folder::

    bench run --methods kmeans,fcmi --datasets reverse_digits --plugins my-folder
    bench rescore --plugins my-folder                                  # for runs that have ended already
    bench table --metrics acc,nmi,gap --plugins my-folder

Its values are in the records, in ``bench export``, and in MLflow (after a rescore: ``bench sync``). What the function
is given goes by the names of its parameters, any of these in any order; the arrays cannot be written into:

``counts`` : ndarray of shape (classes, clusters, groups), int64
    Samples by true class, cluster and group, see :func:`bench.metrics.contingency`: enough for most metrics. Empty
    clusters are among them. Without ground truth all samples are in one class.
``labels`` : ndarray of shape (n,), int64
    Cluster ids, from 0.
``y`` : ndarray of shape (n,), int64
    True classes, as ids from 0.
``groups`` : ndarray of shape (n,), int64
    Groups, as ids from 0.
``n_clusters`` : int
    Number of clusters that the method was asked for.

The decorator is found by its name, ``@metric(...)`` or ``@metrics.metric(...)``, before a function of the file's top
level. The function returns a number in `range`, or NaN where it is undefined. One that raises, or leaves its range,
costs a warning and has no value in that record; the other metrics stay. Decorated, it is still a plain function:

>>> import numpy as np
>>> from bench.metrics import metric
>>> @metric(name="gap", title="Size gap", range=(0, 1), higher_is_better=False)
... def gap(counts):
...     sizes = counts.sum(axis=(0, 2))
...     return (sizes.max() - sizes.min()) / sizes.sum()
>>> float(gap(np.array([[[3, 0], [0, 1]]])))
0.5
"""

from __future__ import annotations

import inspect
import math
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.errors import ADAPTER_FAULTS, InvalidInputError
from bench.metrics.contingency import contingency
from bench.metrics.evaluation import METRICS, Metric
from bench.record import Record, RunSpec

__all__ = ["CustomMetric", "MetricWarning", "custom_metric_of", "measure", "metric"]

Function = TypeVar("Function", bound=Callable[..., Any])

# The metrics of the tables, and what else stands beside metrics in an export or in MLflow.
_TAKEN = frozenset({*METRICS, *RunSpec.model_fields, *Record.model_fields})
_ARGUMENTS = ("counts", "labels", "y", "groups", "n_clusters")
_ATTRIBUTE = "bench_metric"
# What sums in another order may add to a value at the end of its range.
_SLACK = 1e-9


class MetricWarning(UserWarning):
    """A metric of the user's own that has no value for a run, through a fault of its function."""


@dataclass(frozen=True)
class CustomMetric:
    """A function with what tables need to know of it.

    Parameters
    ----------
    name : str
        Key in the records.
    about : Metric
        How it is printed and read.
    function : callable
        The user's function.
    arguments : tuple of str
        What it takes.
    needs_classes : bool
        Whether it is undefined without ground truth.
    """

    name: str
    about: Metric
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    needs_classes: bool


def metric(
    *,
    name: str,
    title: str,
    range: tuple[float, float],  # noqa: A002 -- as the metrics of the tables call it
    higher_is_better: bool | None = True,
    unit: Literal["percent", "count"] | None = None,
    needs_classes: bool | None = None,
) -> Callable[[Function], Function]:
    """Make a metric of a function; see the top of this module.

    Parameters
    ----------
    name : str
        Key in records and in ``--metrics``: lower case, digits and underscores.
    title : str
        Column header.
    range : tuple of (float, float)
        Smallest and largest value; ``math.inf`` where there is none.
    higher_is_better : bool or None
        Which values are better; None where neither is, so that no best value is marked.
    unit : {"percent", "count"}, optional
        ``"percent"``: printed times 100. ``"count"``: printed as it is. By default percent where the range lies in
        [-1, 1].
    needs_classes : bool, optional
        Whether it is undefined without ground truth. By default where the function takes ``y``; say True of one that
        takes ``counts`` and looks at the classes.

    Raises
    ------
    InvalidInputError
        A name that is taken or not allowed, a range that is none, or a function with other parameters.
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise InvalidInputError(f"metric name {name!r} given; it takes lower case, digits and underscores")
    if name in _TAKEN:
        raise InvalidInputError(f"metric name '{name}' is taken; choose another")
    low, high = _range(name, range)
    direction: Literal["higher", "lower"] | None = None
    if higher_is_better is not None:
        direction = "higher" if higher_is_better else "lower"
    about = Metric(title, (low, high), direction, unit or ("percent" if low >= -1 and high <= 1 else "count"))

    def decorate(function: Function) -> Function:
        arguments = tuple(inspect.signature(function).parameters)
        if not arguments or not set(arguments) <= set(_ARGUMENTS):
            raise InvalidInputError(
                f"metric '{name}' takes ({', '.join(arguments)}); its parameters are any of {', '.join(_ARGUMENTS)}"
            )
        needs = "y" in arguments if needs_classes is None else needs_classes
        setattr(function, _ATTRIBUTE, CustomMetric(name, about, function, arguments, needs))
        return function

    return decorate


def custom_metric_of(function: Any) -> CustomMetric | None:
    """What :func:`metric` made of `function`; None if it is not decorated."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, CustomMetric) else None


def measure(
    metrics: Iterable[CustomMetric],
    *,
    y: NDArray[np.int64] | None,
    labels: NDArray[np.integer],
    groups: NDArray[np.int64],
    n_clusters: int,
) -> dict[str, float]:
    """Values of `metrics` for one clustering; NaN, with a warning where that is the function's fault.

    Parameters
    ----------
    metrics : iterable of CustomMetric
        What to compute.
    y, groups : ndarray of shape (n,)
        True classes, if there are any, and groups.
    labels : ndarray of shape (n,), int
        Clusters.
    n_clusters : int
        Number of clusters that the method was asked for.
    """
    metrics = list(metrics)
    given: dict[str, Any] = {"labels": labels, "y": y, "groups": groups, "n_clusters": n_clusters}
    if any("counts" in held.arguments for held in metrics):
        given["counts"] = contingency(y, labels, groups, n_clusters=n_clusters)
    given = {name: _read_only(value) if isinstance(value, np.ndarray) else value for name, value in given.items()}
    return {held.name: math.nan if y is None and held.needs_classes else _value(held, given) for held in metrics}


def _value(held: CustomMetric, given: dict[str, Any]) -> float:
    try:
        value = float(held.function(**{name: given[name] for name in held.arguments}))
    except ADAPTER_FAULTS as error:
        return _left_out(held, f"raised {type(error).__name__}: {error}")
    low, high = held.about.range
    if math.isnan(value):
        return value
    if math.isinf(value) or not low - _SLACK <= value <= high + _SLACK:
        return _left_out(held, f"returned {value:g}, which is no number from {low:g} to {high:g}")
    return min(max(value, low), high)


def _left_out(held: CustomMetric, what: str) -> float:
    text = " ".join(f"metric '{held.name}' {what}; it has no value in this record".split())
    warnings.warn(text, MetricWarning, stacklevel=4)
    return math.nan


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def _range(name: str, given: Any) -> tuple[float, float]:
    try:
        low, high = map(float, given)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low < high:
        raise InvalidInputError(f"metric '{name}' has range={given!r}; it takes two numbers, the smaller one first")
    return low, high
