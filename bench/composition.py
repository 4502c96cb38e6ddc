"""One method that starts from the clusters of another: ``falg(dec)`` is a row of its own.

``--methods "falg(dec)"`` fits the method in brackets, then hands it to the one before them, in one run. Any method may
stand in brackets, a class by its path as well (:mod:`bench.estimators`); before them a :class:`PostProcessing`, whose
metadata say ``wraps=True``. Parameters, in ``--set`` and likewise in suites:

* ``--set "falg(dec).delta=0.1"`` sets one of the outer method;
* ``--set dec.max_iter=100`` sets one of DEC wherever it runs, in ``falg(dec)`` and on its own;
* ``--set "falg(dec).base_max_iter=100"`` sets one of DEC inside ``falg(dec)`` alone.

In records the inner parameters have the prefix ``base_`` as well; ``n_clusters`` is shared by both. The run key covers
the code of both. Numbers of groups that one of them is not defined for are refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import ArrayLike

from bench.adapters import Method
from bench.constructors import class_with
from bench.errors import InvalidInputError, UnknownNameError
from bench.metadata import MethodInfo
from bench.registry import Entry

if TYPE_CHECKING:
    from bench.registry import Registry

__all__ = ["BASE", "ComposedEntry", "PostProcessing", "compose", "composed_entry"]

# Before the name of an inner parameter.
BASE = "base_"

# What the harness sets for both, under one name.
_SHARED = ("n_clusters", "random_state", "device", "n_jobs")


class PostProcessing(Method):
    """Base class of a method that starts from the clusters of another.

    Subclasses define ``fit``, which calls :meth:`fit_base`; their ``info`` has ``wraps=True``. They are used through
    the class that :func:`compose` makes of them and a method.
    """

    base: ClassVar[type[Method]]

    def fit_base(self, X: ArrayLike, sensitive_features: ArrayLike) -> Method:
        """Fit the inner method; its epochs go into this one's history.

        Parameters
        ----------
        X, sensitive_features : array-like
            As for :meth:`Method.fit`.

        Returns
        -------
        Method
            Fitted.
        """
        params = self.get_params(deep=False)
        inner = {name: params[_outer(name)] for name in self.base().get_params(deep=False)}
        model = self.base(**inner)
        self.log_epochs_of(model)
        model.fit(X, sensitive_features=sensitive_features)
        self.precision_ = str(getattr(model, "precision_", ""))
        return model


def compose(outer: type[PostProcessing], base: type[Method], info: MethodInfo | None = None) -> type[Method]:
    """The method that fits `base` and hands it to `outer`, with the parameters of both.

    Parameters
    ----------
    outer : type
        What makes new clusters of those of the other.
    base : type
        What is fitted first.
    info : MethodInfo, optional
        Metadata; made of those of both when None.
    """
    inner = {_outer(name): default for name, default in base().get_params(deep=False).items()}
    return class_with(
        f"{outer.__name__}Of{base.__name__}",
        outer,
        # n_clusters first, since that one may be given by position.
        {"n_clusters": 8, **inner, **outer().get_params(deep=False)},
        __doc__=outer.__doc__,
        base=base,
        info=info or _composed_info(outer.info, base.info),
    )


def _composed_info(outer: MethodInfo, base: MethodInfo) -> MethodInfo:
    """Metadata of a composition: what either needs is needed, what either refuses is refused."""
    most = [info.max_groups for info in (outer, base) if info.max_groups is not None]
    return MethodInfo(
        name=f"{outer.name}({base.name})",
        title=f"{outer.title} ({base.title})",
        reference="; ".join(filter(None, (outer.reference, base.reference))),
        doi=", ".join(filter(None, (outer.doi, base.doi))),
        family="deep" if base.family == "deep" else outer.family,
        inputs=base.inputs,
        min_groups=max(outer.min_groups, base.min_groups),
        max_groups=min(most, default=None),
        needs_k=base.needs_k,
        uses_sensitive=outer.uses_sensitive or base.uses_sensitive,
        stochastic=outer.stochastic or base.stochastic,
        status="reconstructed" if "reconstructed" in (outer.status, base.status) else "published",
        notes=(*outer.notes, *base.notes),
        requires=tuple(dict.fromkeys((*outer.requires, *base.requires))),
        quick={**{_outer(name): value for name, value in base.quick.items()}, **outer.quick},
    )


@dataclass(frozen=True, kw_only=True)
class ComposedEntry(Entry):
    """A method made of two; ``module``, ``class_name`` and ``path`` are those of the outer one.

    Parameters
    ----------
    outer, base : Entry
        The two.
    """

    outer: Entry
    base: Entry

    def load(self) -> type[Any]:
        """The class made of both; see :meth:`Entry.load`."""
        self.refuse_if_unusable()
        info = self.info if isinstance(self.info, MethodInfo) else None
        return compose(self.outer.load(), self.base.load(), info)

    def source(self) -> str:
        """Hash of the code of both."""
        return hashlib.sha256(f"{self.outer.source()} {self.base.source()}".encode()).hexdigest()

    def given(self, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Parameters that `settings` have for either; see :meth:`Entry.given`."""
        inner = {_outer(name): value for name, value in self.base.given(settings).items()}
        return {**inner, **super().given(settings)}


def composed_entry(name: str, registry: Registry, *, recorded: bool = False) -> ComposedEntry:
    """The composition called `name`.

    Parameters
    ----------
    name : str
        As :func:`bench.registry.normalise` spells it, such as ``"falg(dec)"``.
    registry : Registry
        Where both names are looked up.
    recorded : bool
        Whether the name comes from a record, see :meth:`bench.registry.Registry.recorded`.

    Raises
    ------
    InvalidInputError
        If the brackets do not match.
    UnknownNameError
        If there is no such method.
    """
    parts = re.fullmatch(r"([^()]+)\((.+)\)", name)
    if not parts:
        raise InvalidInputError(f"method '{name}' given; one on the clusters of another is written like falg(dec)")
    outer = registry.wrappers.get(parts[1])
    if outer is None:
        raise UnknownNameError("method that starts from the clusters of another", parts[1], registry.wrappers)
    base = registry.find("method", parts[2], recorded=recorded)
    if base is None:
        raise UnknownNameError("method", parts[2], registry.methods, "`bench list methods` describes them.")
    info = None
    if isinstance(outer.info, MethodInfo) and isinstance(base.info, MethodInfo):
        info = _composed_info(outer.info, base.info)
    return ComposedEntry(
        kind="method",
        name=name,
        info=info,
        module=outer.module,
        class_name=outer.class_name,
        path=outer.path,
        origin=f"{outer.origin}, {base.origin}",
        problem=outer.problem or base.problem,
        outer=outer,
        base=base,
    )


def _outer(name: str) -> str:
    """What an inner parameter is called outside."""
    return name if name in _SHARED else f"{BASE}{name}"
