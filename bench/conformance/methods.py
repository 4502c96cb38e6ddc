"""What every method must do."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.adapters import FairData, Method
from bench.conformance.shared import (
    CallError,
    ConformanceError,
    called,
    metadata_is_literal,
    parameters_round_trip,
    torch_stays_out,
    toy_data,
)
from bench.errors import BenchError, InvalidInputError, UnsupportedInputError
from bench.labels import checked_labels, clusters_of
from bench.metadata import MethodInfo
from bench.registry import Entry

__all__ = ["METHOD_CHECKS"]

_WAYS_TO_CLASSES = (
    "bench.data.card",
    "bench.data.prepared",
    "bench.datasets",
    "bench.get_dataset",
    "bench.load_dataset",
    "bench.registry",
)


def signature_takes_no_labels(entry: Entry) -> None:
    """Fit takes X and the sensitive attribute, nothing else."""
    method = entry.load()
    names, right = list(inspect.signature(method.fit).parameters), ["self", "X", "sensitive_features"]
    if names != right:
        extra = [name for name in names if name not in right]
        advice = f", so take out {', '.join(extra)}: true labels never reach a method" if extra else ""
        raise CallError(f"fit takes ({', '.join(names)}); it must take (self, X, *, sensitive_features){advice}")
    parameters = method().get_params(deep=False)
    wanted = ["n_clusters", *(["random_state"] if _info(entry).stochastic else [])]
    for name in wanted:
        if name not in parameters:
            raise ConformanceError(f"__init__ has no parameter {name}; the harness sets it for every run")


def classes_stay_out(entry: Entry) -> None:
    """The file imports no way to the true labels."""
    if type(entry) is not Entry:
        # A composition, or a class by its path, has no file of its own.
        return
    tree = ast.parse(entry.path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        way = next((name for name in names if name.startswith(_WAYS_TO_CLASSES)), None)
        if way:
            raise ConformanceError(f"line {node.lineno} imports {way}, a way to the true labels; use what fit is given")


def fit_ends(entry: Entry) -> None:
    """Fit ends and sets labels_."""
    try:
        _labels(entry, _toy(entry))
    except BenchError as error:
        # Whatever it refuses toy data for, it would refuse them in every other check.
        raise CallError(str(error)) from error


def labels_are_valid(entry: Entry) -> None:
    """Labels are integers in 0 .. k - 1, one a sample, for every supported input."""
    info = _info(entry)
    for n_groups in _supported(info, (1, 2, 3, 5)):
        for kind in info.inputs:
            data = toy_data(n_groups, image=kind == "image")
            try:
                method = _fitted(entry, data)
                # A method that is given the number of clusters keeps to it.
                k = data.k if info.needs_k else clusters_of(method, data.k)
                checked_labels(_labels_of(method), n=data.n, k=k)
            except (CallError, InvalidInputError) as error:
                raise ConformanceError(f"{kind}s with {n_groups} groups: {error}") from None


def seed_decides(entry: Entry) -> None:
    """The same seed gives the same labels, and a method that is not stochastic ignores it."""
    info, data = _info(entry), _toy(entry)
    first = _labels(entry, data, seed=7)
    if not _same(first, _labels(entry, data, seed=7)):
        raise ConformanceError("two fits with the same random_state differ; derive all randomness from random_state")
    if info.stochastic and not _reads_random_state(entry, data):
        raise ConformanceError(
            "fit never reads random_state, but info says stochastic=True; draw from a generator made of random_state, "
            "or say stochastic=False"
        )
    if not info.stochastic and not _same(first, _labels(entry, data, seed=8)):
        raise ConformanceError("labels depend on random_state, but info says stochastic=False")


def past_is_forgotten(entry: Entry) -> None:
    """A second fit on other samples gives what a first one gives."""
    data, others = _toy(entry), _toy(entry, seed=1)
    expected = _labels(entry, data)
    method = _make(entry, data.k)
    # Fewer of them, so that what is kept has another length, too.
    _quietly(method, others.X[:100], others.sensitive[:100])
    found = _labels_of(_quietly(method, data.X.copy(), data.sensitive.copy()))
    if not _same(expected, found) and _repeats(entry, data, expected):
        raise ConformanceError(
            "a fit after a fit on other samples gives other labels than a first one; begin every fit from the "
            "parameters, and keep nothing from the fit before"
        )


def input_is_left_alone(entry: Entry) -> None:
    """Fit leaves X and the sensitive attribute as they were."""
    data = _toy(entry)
    X, sensitive = data.X.copy(), data.sensitive.copy()
    _quietly(_make(entry, data.k), data.X, data.sensitive)
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
        if not _same(_labels_of(method), expected) and _repeats(entry, data, expected):
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
            raise ConformanceError(f"fit does not refuse {case}; begin it with self.check_input(X, sensitive_features)")


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
    first = next((line.strip() for line in printed.getvalue().splitlines() if line.strip()), "")
    if first:
        raise ConformanceError(f"fit prints, beginning with {first[:60]!r}; report progress with self.log_epoch")


def embedding_is_valid(entry: Entry) -> None:
    """The embedding, if there is one, is finite and has a row a sample."""
    data = _toy(entry)
    _rows(_fitted(entry, data), "embedding_", data.n)


def soft_labels_are_valid(entry: Entry) -> None:
    """Soft labels, if there are any, are probabilities: a row a sample, a column a cluster."""
    data = _toy(entry)
    method = _fitted(entry, data)
    soft, k = _rows(method, "soft_labels_", data.n), clusters_of(method, data.k)
    if soft is None:
        return
    if soft.shape[1] != k:
        raise ConformanceError(f"soft_labels_ has {soft.shape[1]} columns for {k} clusters; it takes one a cluster")
    if soft.min() < 0 or not np.allclose(soft.sum(axis=1), 1, atol=1e-3):
        raise ConformanceError("soft_labels_ has rows that are no probabilities; each must be at least 0 and sum to 1")


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
    classes_stay_out,
    fit_ends,
    labels_are_valid,
    embedding_is_valid,
    soft_labels_are_valid,
    seed_decides,
    past_is_forgotten,
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


def _toy(entry: Entry, seed: int = 0) -> FairData:
    info = _info(entry)
    return toy_data(_supported(info, (2, 3, 1))[0], image=info.inputs == ("image",), seed=seed)


def _make(entry: Entry, k: int, seed: int = 0, adapter: type[Method] | None = None) -> Method:
    adapter = adapter or entry.load()
    given = {"n_clusters": k, "random_state": seed, "device": "cpu", **_info(entry).quick}
    accepted = adapter().get_params(deep=False)
    return adapter(**{name: value for name, value in given.items() if name in accepted})


def _fitted(entry: Entry, data: FairData, seed: int = 0) -> Method:
    # A copy, so that a method that changes its input is told so once, and not of what comes of it.
    return _quietly(_make(entry, data.k, seed), data.X.copy(), data.sensitive.copy())


def _labels(entry: Entry, data: FairData, seed: int = 0) -> NDArray[Any]:
    return _labels_of(_fitted(entry, data, seed))


def _labels_of(method: Method) -> NDArray[Any]:
    labels = getattr(method, "labels_", None)
    if labels is None:
        raise CallError("fit set no labels_; it must set an integer array, one cluster a sample")
    return np.asarray(labels)


def _same(labels: NDArray[Any], others: NDArray[Any]) -> bool:
    # That they are NaN is another check's to say.
    floats = labels.dtype.kind == others.dtype.kind == "f"
    return np.array_equal(labels, others, equal_nan=floats)


def _repeats(entry: Entry, data: FairData, labels: NDArray[Any]) -> bool:
    """Whether a further fit gives `labels` again; that it should is the check of the seed."""
    return _same(labels, _labels(entry, data))


def _rows(method: Method, name: str, n: int) -> NDArray[Any] | None:
    """An attribute with a row for each of `n` samples, if `method` has set it."""
    value = getattr(method, name, None)
    if value is None:
        return None
    array = np.asarray(value)
    if array.ndim != 2 or len(array) != n:
        raise ConformanceError(f"{name} has shape {array.shape} for {n} samples; it must be ({n}, ...), a row a sample")
    if array.dtype.kind not in "fiu":
        raise ConformanceError(f"{name} has dtype {array.dtype}; it takes numbers")
    bad = array.size - np.count_nonzero(np.isfinite(array))
    if bad:
        raise ConformanceError(
            f"{name} holds {bad} NaN or infinite values; look for a division by, or a logarithm of, 0"
        )
    return array


def _reads_random_state(entry: Entry, data: FairData) -> bool:
    base, read = entry.load(), []

    class Watched(base):  # type: ignore[misc, valid-type]
        def __getattribute__(self, name: str) -> Any:
            read.append(name)
            return super().__getattribute__(name)

    method = _make(entry, data.k, adapter=Watched)
    read.clear()
    _quietly(method, data.X.copy(), data.sensitive.copy())
    return not {"random_state", "__dict__"}.isdisjoint(read)


def _quietly(method: Method, X: NDArray[Any], sensitive: NDArray[Any], printed: io.StringIO | None = None) -> Method:
    heard = printed or io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
        # Packages warn of toy data that are too easy for them, and warnings are printed.
        warnings.simplefilter("ignore")
        called(method.fit, X, sensitive_features=sensitive)
    return method


def _refuses(entry: Entry, X: NDArray[Any], sensitive: NDArray[Any], error: type[BenchError]) -> bool:
    method = _make(entry, 3)
    try:
        _quietly(method, X, sensitive)
    except error:
        return not hasattr(method, "labels_")
    except CallError:
        # It fails on such input, but does not say why.
        return False
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
