"""What every adapter must do: the same checks for ours and a stranger's.

Each check is a function that raises :class:`ConformanceError` with one sentence: what is wrong, where to look.
``bench test NAME`` runs them, and so do our own tests over everything that is registered.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from bench.adapters import Dataset, FairData, Method
from bench.errors import BenchError, InvalidInputError, MissingDataError, UnsupportedInputError
from bench.labels import checked_labels
from bench.metadata import DatasetInfo, MethodInfo
from bench.registry import Entry
from bench.store import Store

__all__ = ["DATASET_CHECKS", "METHOD_CHECKS", "ConformanceError", "Finding", "check", "toy_data"]


class ConformanceError(BenchError):
    """What an adapter does otherwise than the harness relies on."""


@dataclass(frozen=True)
class Finding:
    """Result of one check: passed if `problem` is empty."""

    check: str
    problem: str = ""


def check(entry: Entry) -> Iterator[Finding]:
    """Run every check that fits the adapter.

    Parameters
    ----------
    entry : Entry
        A method or a data set.

    Yields
    ------
    Finding
        One for each check.
    """
    checks = METHOD_CHECKS if entry.kind == "method" else DATASET_CHECKS
    for test in checks:
        name = (test.__doc__ or test.__name__).splitlines()[0].rstrip(".")
        try:
            test(entry)
        except ConformanceError as error:
            yield Finding(name, str(error))
        else:
            yield Finding(name)


def toy_data(n_groups: int = 2, *, image: bool = False, seed: int = 0) -> FairData:
    """Three blobs of 40 samples in [-1, 1], each with samples of every group: 4 x 4 features, or images of 8 x 8."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(3), 40)
    groups = np.tile(np.arange(n_groups), -(-120 // n_groups))[:120]
    size = 64 if image else 16
    centres = rng.normal(size=(3, size))
    shifts = rng.normal(scale=0.3, size=(n_groups, size))
    X = np.tanh(0.5 * (centres[classes] + shifts[groups] + rng.normal(scale=0.3, size=(120, size))))
    return FairData.from_arrays(X.reshape(120, 1, 8, 8) if image else X, classes, groups)


def metadata_is_literal(entry: Entry) -> None:
    """Metadata are literals in the class body."""
    if entry.info is None or entry.problem:
        raise ConformanceError(entry.problem or "info is missing; set it to MethodInfo(...) or DatasetInfo(...)")
    if entry.load().info != entry.info:
        raise ConformanceError("info differs between source and class; write it as one literal in the class body")
    if not entry.info.name.replace("_", "").isalnum() or entry.info.name != entry.info.name.lower():
        raise ConformanceError(f"info.name is '{entry.info.name}'; use lower case, digits and underscores")


def torch_stays_out(entry: Entry) -> None:
    """Importing the adapter does not import torch."""
    code = (
        "import sys; from pathlib import Path; from bench.registry import load_adapter;"
        f"load_adapter({entry.module!r}, {entry.class_name!r}, Path({str(entry.path)!r}));"
        "sys.exit(3 if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        raise ConformanceError("importing the file imports torch; import it inside fit")
    if done.returncode:
        raise ConformanceError(f"importing the file fails: {done.stderr.strip().splitlines()[-1]}")


def parameters_round_trip(entry: Entry) -> None:
    """Parameters are stored as given: clone, get_params and set_params agree."""
    adapter = entry.load()()
    before = adapter.get_params(deep=False)
    for name, value in before.items():
        if getattr(adapter, name) is not value:
            raise ConformanceError(f"__init__ changes {name}; store parameters as given and read them in fit")
    if clone(adapter).get_params(deep=False) != before:
        raise ConformanceError("clone() gives other parameters; store all parameters as given in __init__")
    if adapter.set_params(**before).get_params(deep=False) != before:
        raise ConformanceError("set_params(**get_params()) changes the parameters")
    extra = set(vars(adapter)) - set(before)
    if extra:
        raise ConformanceError(f"__init__ sets {', '.join(sorted(extra))}, which is no parameter; set it in fit")


def signature_takes_no_labels(entry: Entry) -> None:
    """Fit takes X and the sensitive attribute, nothing else."""
    method = entry.load()
    names = list(inspect.signature(method.fit).parameters)
    if names != ["self", "X", "sensitive_features"]:
        raise ConformanceError(f"fit takes ({', '.join(names)}); it must take (self, X, *, sensitive_features)")
    parameters = method().get_params(deep=False)
    wanted = ["n_clusters", *(["random_state"] if _info(entry).stochastic else [])]
    for name in wanted:
        if name not in parameters:
            raise ConformanceError(f"__init__ has no parameter {name}; the harness sets it for every run")


def labels_are_valid(entry: Entry) -> None:
    """Labels are integers in 0 .. k - 1, one a sample, for every supported input."""
    info = _info(entry)
    for n_groups in _supported(info, (1, 2, 3, 5)):
        for kind in info.inputs:
            data = toy_data(n_groups, image=kind == "image")
            method = _fitted(entry, data)
            try:
                checked_labels(getattr(method, "labels_", None), n=data.n, k=data.k)
            except InvalidInputError as error:
                raise ConformanceError(f"{kind}s with {n_groups} groups: {error}") from None


def seed_decides(entry: Entry) -> None:
    """The same seed gives the same labels, and a method that is not stochastic ignores it."""
    info, data = _info(entry), _toy(entry)
    first = _fitted(entry, data, seed=7).labels_
    if not np.array_equal(first, _fitted(entry, data, seed=7).labels_):
        raise ConformanceError("two fits with the same random_state differ; derive all randomness from random_state")
    if not info.stochastic and not np.array_equal(first, _fitted(entry, data, seed=8).labels_):
        raise ConformanceError("labels depend on random_state, but info says stochastic=False")


def input_is_left_alone(entry: Entry) -> None:
    """Fit leaves X and the sensitive attribute as they were."""
    data = _toy(entry)
    X, sensitive = data.X.copy(), data.sensitive.copy()
    _fitted(entry, data)
    if not np.array_equal(X, data.X) or not np.array_equal(sensitive, data.sensitive):
        raise ConformanceError("fit changes its input in place; work on a copy")


def global_state_is_left_alone(entry: Entry) -> None:
    """Fit neither sets nor advances global random state."""
    data = _toy(entry)
    _fitted(entry, data)  # whatever it imports is imported now
    before = _random_states()
    _fitted(entry, data)
    changed = [name for name, state in _random_states().items() if state != before[name]]
    if changed:
        raise ConformanceError(
            f"fit changes the global random state of {', '.join(changed)}; use generators made from random_state"
        )


def groups_may_be_anything(entry: Entry) -> None:
    """Groups named by strings, or by ids with gaps, give the same labels as ids."""
    data = _toy(entry)
    expected = _fitted(entry, data).labels_
    names = np.array([f"group {chr(97 + t)}" for t in range(data.n_groups)])
    for sensitive in (names[data.sensitive], data.sensitive * 10 + 5):
        labels = _quietly(_make(entry, data.k), data.X, sensitive).labels_
        if not np.array_equal(labels, expected):
            raise ConformanceError("other names for the groups give other labels; use the ids of self.check_input")


def bad_input_is_refused(entry: Entry) -> None:
    """NaN, too few samples and attributes of the wrong length are refused in one line."""
    data = _toy(entry)
    holes = data.X.copy()
    holes.reshape(-1)[5] = np.nan
    cases: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {
        "NaN in X": (holes, data.sensitive),
        "fewer samples than clusters": (data.X[:2], data.sensitive[:2]),
        "a sensitive attribute that is too short": (data.X, data.sensitive[:-1]),
    }
    for case, (X, sensitive) in cases.items():
        if not _refuses(entry, X, sensitive, InvalidInputError):
            raise ConformanceError(f"fit accepts {case}; begin it with self.check_input(X, sensitive_features)")


def unsupported_groups_are_refused(entry: Entry) -> None:
    """A number of groups outside the method's range is refused before any work."""
    info = _info(entry)
    outside = [t for t in (info.min_groups - 1, (info.max_groups or 0) + 1) if t >= 1 and info.refusal(t)]
    for n_groups in outside:
        data = toy_data(n_groups, image=info.inputs == ("image",))
        if not _refuses(entry, data.X, data.sensitive, UnsupportedInputError):
            raise ConformanceError(f"fit accepts {n_groups} groups, but info does not; begin it with self.check_input")


def fit_is_quiet(entry: Entry) -> None:
    """Fit prints nothing."""
    data = _toy(entry)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        _make(entry, data.k).fit(data.X, sensitive_features=data.sensitive)
    if printed.getvalue():
        raise ConformanceError("fit prints; report progress with self.log_epoch")


def history_counts_epochs(entry: Entry) -> None:
    """What log_epoch recorded counts upwards and is finite."""
    history = getattr(_fitted(entry, _toy(entry)), "history_", [])
    epochs = [row["epoch"] for row in history]
    if epochs != sorted(set(epochs)):
        raise ConformanceError(f"history_ has epochs {epochs}; log every epoch once, in order")
    for row in history:
        bad = [name for name, value in row.items() if not np.isfinite(value)]
        if bad:
            raise ConformanceError(f"history_ has no finite {', '.join(bad)} in epoch {row['epoch']:g}")


def data_are_as_declared(entry: Entry) -> None:
    """Shapes, dtypes, ids and sizes are as FairData and info say."""
    info, data = _dataset_info(entry), _loaded(entry)
    if data is None:
        return
    found = {"n": data.n, "k": data.k, "n_groups": data.n_groups}
    for name, value in found.items():
        declared = getattr(info, name)
        if declared is not None and declared != value:
            raise ConformanceError(f"info says {name}={declared}, the data have {value}")
    if (data.X.ndim == 4) != (info.kind == "image"):
        raise ConformanceError(f"info says kind='{info.kind}', X has shape {data.X.shape}")
    for name, ids, names in (("y", data.y, data.class_names), ("sensitive", data.sensitive, data.group_names)):
        if ids is not None and not np.array_equal(np.unique(ids), np.arange(len(names))):
            raise ConformanceError(f"{name} does not use every id of 0 .. {len(names) - 1}; use FairData.from_arrays")


def loading_repeats(entry: Entry) -> None:
    """Loading twice gives the same content, whatever the global random state."""
    first = _loaded(entry)
    if first is not None:
        again = _loaded(entry)
        if again is None or again.content_hash() != first.content_hash():
            raise ConformanceError("two loads differ; draw what is random from a seed that is a parameter")


def missing_files_are_named(entry: Entry) -> None:
    """Without its files, the data set says what is missing."""
    if not _dataset_info(entry).files:
        return
    dataset: Dataset = entry.load()()
    try:
        dataset.load(Store(()))
    except MissingDataError:
        return
    raise ConformanceError("load() without its files raises no MissingDataError; get files through store.path")


METHOD_CHECKS: tuple[Callable[[Entry], None], ...] = (
    metadata_is_literal,
    torch_stays_out,
    parameters_round_trip,
    signature_takes_no_labels,
    labels_are_valid,
    seed_decides,
    input_is_left_alone,
    global_state_is_left_alone,
    groups_may_be_anything,
    bad_input_is_refused,
    unsupported_groups_are_refused,
    fit_is_quiet,
    history_counts_epochs,
)

DATASET_CHECKS: tuple[Callable[[Entry], None], ...] = (
    metadata_is_literal,
    torch_stays_out,
    parameters_round_trip,
    data_are_as_declared,
    loading_repeats,
    missing_files_are_named,
)


def _info(entry: Entry) -> MethodInfo:
    if not isinstance(entry.info, MethodInfo):
        raise ConformanceError("info is no MethodInfo")
    return entry.info


def _dataset_info(entry: Entry) -> DatasetInfo:
    if not isinstance(entry.info, DatasetInfo):
        raise ConformanceError("info is no DatasetInfo")
    return entry.info


def _supported(info: MethodInfo, candidates: tuple[int, ...]) -> list[int]:
    return [n_groups for n_groups in candidates if info.refusal(n_groups) is None]


def _toy(entry: Entry) -> FairData:
    info = _info(entry)
    return toy_data(_supported(info, (2, 3, 1))[0], image=info.inputs == ("image",))


def _make(entry: Entry, k: int, seed: int = 0) -> Method:
    adapter = entry.load()
    given = {"n_clusters": k, "random_state": seed, "device": "cpu", **_info(entry).quick}
    accepted = adapter().get_params(deep=False)
    method: Method = adapter(**{name: value for name, value in given.items() if name in accepted})
    return method


def _fitted(entry: Entry, data: FairData, seed: int = 0) -> Method:
    return _quietly(_make(entry, data.k, seed), data.X, data.sensitive)


def _quietly(method: Method, X: NDArray[Any], sensitive: NDArray[Any]) -> Method:
    with contextlib.redirect_stdout(io.StringIO()):
        method.fit(X, sensitive_features=sensitive)
    return method


def _refuses(entry: Entry, X: NDArray[Any], sensitive: NDArray[Any], error: type[BenchError]) -> bool:
    method = _make(entry, 3)
    try:
        _quietly(method, X, sensitive)
    except error:
        return not hasattr(method, "labels_")
    return False


def _random_states() -> dict[str, object]:
    states: dict[str, object] = {
        "random": random.getstate(),
        "numpy.random": str(np.random.get_state(legacy=False)),  # noqa: NPY002
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = torch.random.get_rng_state().tolist()
    return states


def _loaded(entry: Entry) -> FairData | None:
    """The data, or None where the files are not on this machine."""
    dataset: Dataset = entry.load()()
    try:
        return dataset.load(Store.default())
    except MissingDataError:
        return None
