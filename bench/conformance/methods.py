"""What every method must do."""

from __future__ import annotations

import contextlib
import inspect
import io
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.adapters import FairData, Method
from bench.conformance.shared import (
    ConformanceError,
    metadata_is_literal,
    parameters_round_trip,
    torch_stays_out,
    toy_data,
)
from bench.errors import ADAPTER_FAULTS, BenchError, InvalidInputError, UnsupportedInputError
from bench.labels import checked_labels
from bench.metadata import MethodInfo
from bench.registry import Entry

__all__ = ["METHOD_CHECKS"]


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
    first = _labels(entry, data, seed=7)
    if not np.array_equal(first, _labels(entry, data, seed=7)):
        raise ConformanceError("two fits with the same random_state differ; derive all randomness from random_state")
    if not info.stochastic and not np.array_equal(first, _labels(entry, data, seed=8)):
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
    with _advanced_random_states() as before:
        _fitted(entry, data)
        changed = [name for name, state in _random_states().items() if state != before[name]]
    if changed:
        raise ConformanceError(
            f"fit changes the global random state of {', '.join(changed)}; use generators made from random_state"
        )


def groups_may_be_anything(entry: Entry) -> None:
    """Groups named by strings, or by ids with gaps, give the same labels as ids."""
    data = _toy(entry)
    expected = _labels(entry, data)
    names = np.array([f"group {chr(97 + t)}" for t in range(data.n_groups)])
    for sensitive in (names[data.sensitive], data.sensitive * 10 + 5):
        method = _quietly(_make(entry, data.k), data.X, sensitive)
        if not np.array_equal(method.labels_, expected):
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
    _quietly(_make(entry, data.k), data.X, data.sensitive, printed)
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


def _info(entry: Entry) -> MethodInfo:
    if not isinstance(entry.info, MethodInfo):
        raise ConformanceError("info is no MethodInfo")
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


def _labels(entry: Entry, data: FairData, seed: int = 0) -> NDArray[Any]:
    labels = getattr(_fitted(entry, data, seed), "labels_", None)
    if labels is None:
        raise ConformanceError("fit set no labels_; it must set an integer array, one cluster a sample")
    return np.asarray(labels)


def _quietly(method: Method, X: NDArray[Any], sensitive: NDArray[Any], printed: io.StringIO | None = None) -> Method:
    try:
        with contextlib.redirect_stdout(printed or io.StringIO()):
            method.fit(X, sensitive_features=sensitive)
    except BenchError:
        raise
    except ADAPTER_FAULTS as error:
        raise ConformanceError(f"fit raises {type(error).__name__}: {error}") from error
    return method


def _refuses(entry: Entry, X: NDArray[Any], sensitive: NDArray[Any], error: type[BenchError]) -> bool:
    method = _make(entry, 3)
    try:
        _quietly(method, X, sensitive)
    except error:
        return not hasattr(method, "labels_")
    return False


@contextlib.contextmanager
def _advanced_random_states() -> Iterator[dict[str, object]]:
    """Global states that no fixed seed leads to; the caller's own afterwards."""
    held = random.getstate(), np.random.get_state(legacy=False)  # noqa: NPY002
    torch = sys.modules.get("torch")
    torch_state = torch.random.get_rng_state() if torch else None
    random.seed()
    np.random.seed()  # noqa: NPY002
    if torch:
        torch.random.seed()
    try:
        yield _random_states()
    finally:
        random.setstate(held[0])
        np.random.set_state(held[1])  # noqa: NPY002
        if torch:
            torch.random.set_rng_state(torch_state)


def _random_states() -> dict[str, object]:
    states: dict[str, object] = {
        "random": random.getstate(),
        "numpy.random": str(np.random.get_state(legacy=False)),  # noqa: NPY002
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = torch.random.get_rng_state().tolist()
    return states
