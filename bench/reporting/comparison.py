"""What a table's numbers stand beside: the published cell of a place, and what keeps ours from comparing with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from bench.metadata import NOT_THE_PAPERS
from bench.record import Record
from bench.reporting.model import Column, Row
from bench.reporting.published import PublishedCell, PublishedTable, published_table
from bench.reporting.verdicts import Judgement, judge

__all__ = ["Comparison", "impossible_cells"]

# Parameters that say how long a method trains.
_BUDGETS = (
    "epochs",
    "pretrain_epochs",
    "vae_epochs",
    "fair_epochs",
    "iterations",
    "golden_iterations",
    "max_iter",
    "steps",
)

# Method, data set, settings and metric of a published cell.
Place = tuple[str, str, tuple[tuple[str, str | bool | float], ...], str]


@dataclass(frozen=True)
class Comparison:
    """The published table that ours is held against.

    Parameters
    ----------
    name : str
        Its name, see :func:`bench.reporting.published.published_names`.
    cell : callable
        The published cell at a row, column and metric key; None where there is none.
    obstacle : str
        Why no verdict is possible on any of them; empty where one is.
    """

    name: str
    cell: Callable[[Row, Column, str], PublishedCell | None]
    obstacle: str = ""

    @property
    def table(self) -> PublishedTable:
        """The published table."""
        return published_table(self.name)

    def judgement(
        self,
        cell: PublishedCell | None,
        records: Sequence[Record],
        figures: tuple[float | None, float | None, int],
        *,
        deterministic: bool,
        defaults: Mapping[str, Any],
    ) -> Judgement | None:
        """Verdict on a published cell; None where ours or the published number is missing.

        Parameters
        ----------
        cell : PublishedCell or None
            The published number.
        records : sequence of Record
            Our runs at its place.
        figures : tuple of (mean, std, n)
            Of these runs, see :func:`bench.reporting.verdicts.judge`.
        deterministic : bool
            Whether seeds make no difference to the method.
        defaults : mapping of str to value
            Parameters of the method by default.
        """
        mean, std, n = figures
        if mean is None or cell is None or cell.value is None:
            return None
        if self.obstacle:
            return Judgement("not comparable", self.obstacle)
        return judge(
            mean,
            std,
            n,
            cell.value,
            deterministic=deterministic,
            shortened=any(_shortened(record.spec.method_params, defaults) for record in records),
            other_data=any(NOT_THE_PAPERS in record.data_note for record in records),
            impossible=_place(cell) in impossible_cells(self.name),
        )


@cache
def impossible_cells(name: str) -> frozenset[Place]:
    """Cells of a published table that contradict others of it, as :func:`bench.audit.audit_table` finds them.

    Where nothing printed settles which of several is wrong, all of them are here.

    Parameters
    ----------
    name : str
        Of the published table.
    """
    from bench.audit import audit_table

    return frozenset(
        (found.method, found.dataset, tuple(sorted(found.settings.items())), metric)
        for found in audit_table(published_table(name)).findings
        if found.kind == "impossible"
        for metric in found.suspects
    )


def _shortened(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> bool:
    return any(name in params and name in defaults and params[name] < defaults[name] for name in _BUDGETS)


def _place(cell: PublishedCell) -> Place:
    return cell.method, cell.dataset, tuple(sorted(cell.settings.items())), cell.metric
