"""Fair clustering methods, compared: one command, one set of metrics, one record a run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.notebook import run
    from bench.registry import get_dataset, get_method, load_dataset

__all__ = ["__version__", "get_dataset", "get_method", "load_dataset", "run"]

__version__ = "0.1.0"

_LAZY = {**dict.fromkeys(("get_dataset", "get_method", "load_dataset"), "bench.registry"), "run": "bench.notebook"}


def __getattr__(name: str) -> Any:
    # `bench list` must not wait for scikit-learn, so nothing heavy is imported until it is asked for.
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'bench' has no attribute '{name}'")
