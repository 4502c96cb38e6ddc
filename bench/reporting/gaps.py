"""Why a figure of ours is far from the published one, read from ``bench.published``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["GAP", "Gap", "explanation", "is_gap", "known_gaps"]

# Points of a percentage that the printed mean may be off the published value without a word.
GAP = 5.0


class Gap(BaseModel):
    """One explanation, for the cells of one method on some data sets.

    Parameters
    ----------
    method : str
        Registry name.
    datasets, metrics : tuple of str
        Registry names and metric keys of the cells it explains.
    params : dict
        Parameters that the runs must have had; empty where any had.
    note : str
        Which setting is not known, what was tried.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    datasets: tuple[str, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = Field(min_length=1)
    params: dict[str, Any] = Field(default_factory=dict)
    note: str = Field(min_length=1)


def is_gap(mean: float | None, published: float | None) -> bool:
    """Whether a mean, in percent, is more than :data:`GAP` points off the published value."""
    return mean is not None and published is not None and abs(mean - published) > GAP


def explanation(
    method: str, dataset: str, metric: str, params: Mapping[str, Any], gaps: Iterable[Gap] | None = None
) -> str:
    """What explains the gap of one cell; empty where nothing does.

    Parameters
    ----------
    method, dataset : str
        Registry names.
    metric : str
        Metric key.
    params : mapping of str to value
        Parameters of the method's runs.
    gaps : iterable of Gap, optional
        Explanations, the first that fits decides; :func:`known_gaps` when None.
    """
    for gap in known_gaps() if gaps is None else gaps:
        named = gap.method == method and dataset in gap.datasets and metric in gap.metrics
        if named and all(name in params and params[name] == value for name, value in gap.params.items()):
            return gap.note
    return ""


@cache
def known_gaps() -> tuple[Gap, ...]:
    """The explanations that come with the benchmark."""
    text = (files("bench.published") / "gaps.toml").read_text(encoding="utf-8")
    return tuple(Gap.model_validate(entry) for entry in tomllib.loads(text).get("gap", []))
