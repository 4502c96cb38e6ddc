"""Classes whose parameters are known at run time only, with a constructor that scikit-learn can read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from bench.adapters import Method

__all__ = ["class_with", "parameters_of"]


def class_with(name: str, base: type[Method], parameters: Mapping[str, Any], /, **attributes: Any) -> type[Method]:
    """A subclass of `base` whose constructor takes `parameters` and stores them as given.

    Parameters
    ----------
    name : str
        Name of the class.
    base : type
        What defines ``fit``.
    parameters : mapping
        Defaults by name; the first may be given by position, the others by keyword.
    **attributes
        Attributes of the class.

    Examples
    --------
    >>> Made = class_with("Made", Method, {"n_clusters": 8, "depth": 3})
    >>> Made(2, depth=5).get_params()
    {'depth': 5, 'n_clusters': 2}
    """
    made: type[Method] = type(name, (base,), {"__init__": _constructor(name, parameters), **attributes})
    return made


def parameters_of(constructor: Callable[..., Any]) -> dict[str, Any]:
    """Defaults of the named parameters of a class, ``inspect.Parameter.empty`` for those that have none."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {
        name: parameter.default
        for name, parameter in inspect.signature(constructor).parameters.items()
        if parameter.kind in named
    }


def _constructor(owner: str, parameters: Mapping[str, Any]) -> Callable[..., None]:
    first = inspect.Parameter.POSITIONAL_OR_KEYWORD
    described = [inspect.Parameter("self", first)]
    for name, default in parameters.items():
        kind = first if len(described) == 1 else inspect.Parameter.KEYWORD_ONLY
        described.append(inspect.Parameter(name, kind, default=default))
    signature = inspect.Signature(described)

    def __init__(self: Method, *given: Any, **named: Any) -> None:  # noqa: N807 -- it becomes one
        try:
            bound = signature.bind(self, *given, **named)
        except TypeError as error:
            raise TypeError(f"{owner}: {error}") from None
        for name, default in parameters.items():
            setattr(self, name, bound.arguments.get(name, default))

    # What scikit-learn's get_params, and a reader's help(), go by.
    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__
