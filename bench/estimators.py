"""Any clusterer in scikit-learn's style as a method without a file: named by the path of its class.

``--methods sklearn.cluster.MiniBatchKMeans`` and ``--methods mypackage.module:Class`` run a class that is installed,
or lies in a folder on ``PYTHONPATH``; ``--set sklearn.cluster.MiniBatchKMeans.batch_size=256`` sets its parameters, and
a suite writes ``set."sklearn.cluster.MiniBatchKMeans".batch_size = 256``. The path, with a dot for the colon, is the
method's name in records and tables. A subclass of :class:`bench.adapters.Method` is taken as it is; for any other class

* images are flattened, and ``fit`` is given the samples, with ``sensitive_features`` if it has such a parameter;
* ``n_clusters``, or else ``n_components``, is the number of classes and called ``n_clusters`` here;
* ``random_state`` is the run's seed, ``n_jobs`` the slot's share of cores;
* labels are ``labels_`` after ``fit``, or else those of ``predict``, or else those of ``fit_predict``. Ids other than
  0 .. n_clusters - 1 are ranked from 0, and samples without a cluster, with negative labels, form a cluster of their
  own, the last one. There may be more clusters than classes where the class finds their number itself.

A default that JSON cannot write, such as an infinity or a function, is shown as None, which leaves it to the class.
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import pkgutil
import re
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClusterMixin, OutlierMixin

from bench.adapters import Method
from bench.constructors import class_with, parameters_of
from bench.errors import ADAPTER_FAULTS, BenchError, InvalidInputError, UnknownNameError
from bench.fingerprint import code_only
from bench.metadata import MethodInfo
from bench.record import canonical_json
from bench.registry import Entry

__all__ = ["ClassEntry", "NamedClusterer", "as_method", "class_entry", "find_class", "ranked", "recorded_entry"]

_NOTE = (
    "Named by its class: it is given the true number of classes if it takes one, and samples that it leaves without "
    "a cluster (label -1) form one of their own."
)
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


@dataclass(frozen=True)
class ClassEntry(Entry):
    """A method that is named by the path of its class."""

    def load(self) -> type[Any]:
        """The class as a method; see :meth:`Entry.load`."""
        self.refuse_if_unusable()
        return as_method(self.name)

    def source(self) -> str:
        """Hash of the code behind the class.

        Of an installed package its version and the module of the class; of a package of the user's own, which changes
        without a version, all of its files.
        """
        found = find_class(self.name)
        package = found.__module__.partition(".")[0]
        file = Path(inspect.getfile(found)).resolve()
        installed = any(file.is_relative_to(sysconfig.get_path(kind)) for kind in ("purelib", "platlib"))
        digest = hashlib.sha256()
        if installed:
            digest.update(" ".join(f"{name} {version(name)}" for name in _distributions(package)).encode())
        for path in [file] if installed else _files(package, file):
            if path.suffix == ".py":
                digest.update(b"\0" + code_only(path.read_text(encoding="utf-8")).encode())
        return digest.hexdigest()


def class_entry(name: str) -> ClassEntry:
    """The method that `name`, the path of a class, stands for; imports its module.

    Raises
    ------
    InvalidInputError
        If `name` is not written like ``package.module.Class``, or the class is no clusterer.
    UnknownNameError
        If the module has no such class.
    BenchError
        If there is no such module, or it cannot be imported.
    """
    return replace(_entry(name), info=replace(as_method(name).info, name=name, title=name))


def recorded_entry(name: str) -> ClassEntry:
    """What a table says of a class that a record names.

    Records may be anybody's, so that no module is imported because one names it; but for scikit-learn's, which the
    harness is built on.
    """
    if name.startswith("sklearn."):
        try:
            return class_entry(name)
        except BenchError as error:
            return replace(_entry(name), problem=str(error))
    return replace(_entry(name), problem="a class that a record names is not imported")


def find_class(name: str) -> type[Any]:
    """Import the class whose path is `name`; raises as :func:`class_entry` does."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"method '{name}' given; a class is written like sklearn.cluster.KMeans or package.module:Class"
        )
    module_name, _, class_name = name.rpartition(".")
    module = _module(module_name)
    found = getattr(module, class_name, None)
    if found is None:
        known = [other for other, value in vars(module).items() if not _fault(value)]
        raise UnknownNameError(f"clusterer in {module_name}", class_name, known)
    if fault := _fault(found):
        raise InvalidInputError(f"'{name}' {fault}; a method is a clusterer in scikit-learn's style")
    clusterer: type[Any] = found
    return clusterer


@cache
def as_method(name: str) -> type[Method]:
    """The class whose path is `name` as a method: itself if it is one, else a subclass of :class:`NamedClusterer`."""
    found = find_class(name)
    if issubclass(found, Method):
        return found
    given = parameters_of(found)
    counts = next((parameter for parameter in ("n_clusters", "n_components") if parameter in given), "")
    left = {parameter for parameter, default in given.items() if not _is_json(default)}
    parameters = {parameter: None if parameter in left else default for parameter, default in given.items()}
    parameters.pop(counts, None)
    return class_with(
        found.__name__,
        NamedClusterer,
        {"n_clusters": 8, **parameters},
        __doc__=inspect.getdoc(found),
        wrapped=found,
        counts=counts,
        left_to_class=frozenset(left),
        info=MethodInfo(
            name=name,
            title=name,
            needs_k=bool(counts),
            uses_sensitive=_takes_groups(found),
            stochastic="random_state" in given,
            notes=(_NOTE,),
        ),
    )


class NamedClusterer(Method):
    """Runs a clusterer in scikit-learn's style; :func:`as_method` makes a subclass for each.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int64
        Clusters; the last one holds the samples without a cluster, if there are any.
    n_clusters_ : int
        How many there may be: those asked for, or those found where that is more.
    cluster_centers_ : ndarray of shape (k, d)
        Centres, only where the class has them.
    soft_labels_ : ndarray of shape (n, k)
        Probabilities, only where the class has them.
    """

    wrapped: ClassVar[type[Any]]
    # Its name for the number of clusters; empty where it finds that itself.
    counts: ClassVar[str]
    n_clusters: int
    left_to_class: ClassVar[frozenset[str]]

    def fit(self, X: ArrayLike, *, sensitive_features: ArrayLike) -> Self:
        """Cluster `X`; see :meth:`Method.fit`."""
        samples, groups = self.check_input(X, sensitive_features)
        for name in ("cluster_centers_", "soft_labels_"):
            self.__dict__.pop(name, None)
        model = self.wrapped(**self._parameters())
        more = {"sensitive_features": groups} if self.info.uses_sensitive else {}
        found = _labels(model, samples, more)
        k = self.n_clusters if self.counts else 0
        # Ids that are sound stay, since the columns of soft labels go by them.
        self.labels_ = found if found.dtype.kind in "iu" and set(found.flat) <= set(range(k)) else ranked(found)
        self.n_clusters_ = max(k, len(np.unique(self.labels_)))
        if getattr(model, "cluster_centers_", None) is not None:
            self.cluster_centers_: NDArray[Any] = np.asarray(model.cluster_centers_)
        if callable(getattr(model, "predict_proba", None)):
            soft = np.asarray(model.predict_proba(samples))
            if soft.shape == (len(samples), self.n_clusters_):
                self.soft_labels_: NDArray[Any] = soft
        return self

    def _parameters(self) -> dict[str, Any]:
        params = self.get_params(deep=False)
        k = params.pop("n_clusters")
        if self.counts:
            params[self.counts] = k
        if "random_state" in params and params["random_state"] is None:
            # Without a seed scikit-learn would draw from NumPy's global random state.
            params["random_state"] = int(np.random.SeedSequence().generate_state(1)[0])
        return {name: value for name, value in params.items() if value is not None or name not in self.left_to_class}


def ranked(labels: NDArray[Any]) -> NDArray[Any]:
    """Whole-number labels as ids from 0 without gaps, all negative ones as the last id; other labels as they are.

    Examples
    --------
    >>> ranked(np.array([3, -1, 1, 3, -2]))
    array([1, 2, 0, 1, 2])
    """
    if labels.dtype.kind not in "iu" or not labels.size:
        return labels
    last = int(labels.max()) + 1
    return np.unique(np.where(labels < 0, last, labels), return_inverse=True)[1].astype(np.int64)


def _labels(model: Any, samples: NDArray[np.float32], more: dict[str, Any]) -> NDArray[Any]:
    if not hasattr(model, "fit"):
        return np.asarray(model.fit_predict(samples, **more))
    model.fit(samples, **more)
    if getattr(model, "labels_", None) is not None:
        return np.asarray(model.labels_)
    if hasattr(model, "predict"):
        return np.asarray(model.predict(samples))
    return np.asarray(model.fit_predict(samples, **more))


def _entry(name: str) -> ClassEntry:
    module, _, class_name = name.rpartition(".")
    info = MethodInfo(name=name, title=name, needs_k=False, notes=(_NOTE,))
    return ClassEntry("method", name, info, module, class_name, Path(), f"the module {module}")


def _fault(found: Any) -> str:
    """Why an attribute of a module is no method; empty if it is one."""
    if not isinstance(found, type):
        return "is no class"
    if issubclass(found, Method):
        return "" if isinstance(getattr(found, "info", None), MethodInfo) else "has no info"
    if issubclass(found, OutlierMixin):
        return "looks for outliers, not for clusters"
    clusters = callable(getattr(found, "fit_predict", None)) and found is not ClusterMixin
    return "" if clusters else "is no clusterer, it has no fit_predict"


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            raise BenchError(_no_module(missing)) from None
        raise BenchError(f"{name} cannot be imported: {error}") from error
    except ADAPTER_FAULTS as error:
        raise BenchError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error


def _no_module(missing: str) -> str:
    parent, _, last = missing.rpartition(".")
    within = getattr(sys.modules.get(parent), "__path__", []) if parent else None
    near = _nearest(last, (module.name for module in pkgutil.iter_modules(within)))
    guess = f" Did you mean '{parent}{'.' if parent else ''}{near}'?" if near else ""
    return f"there is no module '{missing}' here.{guess} Install it, or put its folder into PYTHONPATH."


def _nearest(given: str, names: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(given, names, n=1, cutoff=0.6)), "")


def _takes_groups(found: type[Any]) -> bool:
    return "sensitive_features" in parameters_of(getattr(found, "fit", found.fit_predict))


def _is_json(value: Any) -> bool:
    try:
        canonical_json(value)
    except (TypeError, ValueError):
        return False
    return True


@cache
def _distributions(package: str) -> tuple[str, ...]:
    return tuple(sorted(set(packages_distributions().get(package, ()))))


def _files(package: str, file: Path) -> list[Path]:
    """All Python files of the package that `file` is part of, or `file` alone where it is a module by itself."""
    folders = getattr(sys.modules.get(package), "__path__", None)
    return sorted({path for folder in folders for path in Path(folder).rglob("*.py")}) if folders else [file]
