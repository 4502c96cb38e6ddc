"""What checks are made of: their failure, toy data, and what both kinds of adapter share."""

from __future__ import annotations

import inspect
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from bench.adapters import FairData
from bench.errors import BenchError, worded
from bench.registry import Entry

__all__ = [
    "CallError",
    "ConformanceError",
    "called",
    "metadata_is_literal",
    "parameters_round_trip",
    "torch_stays_out",
    "toy_data",
]


class ConformanceError(BenchError):
    """What an adapter does otherwise than the harness relies on."""


class CallError(ConformanceError):
    """The adapter cannot be imported, made or called, so that nothing further can be checked."""


def called(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call a method of an adapter.

    Raises
    ------
    BenchError
        If it raises one itself: it may mean to.
    CallError
        If it raises anything else; says where.
    """
    try:
        return function(*arguments, **keywords)
    except BenchError:
        raise
    except Exception as error:
        # Whatever it raises is told to its author.
        source = inspect.getsourcefile(inspect.unwrap(function)) or ""
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == source]
        place = f"; see {Path(source).name}, line {lines[-1]}" if lines else ""
        name = "__init__" if isinstance(function, type) else function.__name__
        raise CallError(f"{name} raises {worded(error)}{place}") from error


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
        raise CallError(entry.problem or "info is missing; set it to MethodInfo(...) or DatasetInfo(...)")
    if type(entry) is Entry and entry.load().info != entry.info:
        raise ConformanceError("info differs between source and class; write it as one literal in the class body")
    if type(entry) is not Entry:
        # A composition, or a class by its path, has no metadata in a file.
        return
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
        raise CallError(f"importing the file fails: {done.stderr.strip().splitlines()[-1]}")


def parameters_round_trip(entry: Entry) -> None:
    """Parameters are stored as given: clone, get_params and set_params agree."""
    parameters = inspect.signature(entry.load()).parameters
    for name, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty:
            raise CallError(f"__init__ has no default for {name}; give every parameter one")
    adapter = called(entry.load())
    for name, parameter in parameters.items():
        if getattr(adapter, name, parameters) is not parameter.default:
            raise ConformanceError(f"__init__ changes {name}; store parameters as given and read them in fit")
    before = adapter.get_params(deep=False)
    if clone(adapter).get_params(deep=False) != before:
        raise ConformanceError("clone() gives other parameters; store all parameters as given in __init__")
    if adapter.set_params(**before).get_params(deep=False) != before:
        raise ConformanceError("set_params(**get_params()) changes the parameters")
    extra = set(vars(adapter)) - set(before)
    if extra:
        raise ConformanceError(f"__init__ sets {', '.join(sorted(extra))}, which is no parameter; set it in fit")
