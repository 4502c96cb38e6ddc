"""The table as data: one record for every method, data set and metric.

Means and standard deviations are in percent like the published values, counts as they are; ``unit`` says which.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from bench.harmless import for_spreadsheet
from bench.reporting.model import Table

__all__ = ["csv_table", "json_table"]

# Far below what a table shows, and above the noise of a sum in another order.
_DIGITS = 6


def json_table(table: Table) -> str:
    """`table` as a JSON list of objects.

    Keys: ``method``, ``dataset`` (registry names), ``metric``, ``mean``, ``std``, ``n``, ``published``, ``verdict``,
    ``verdict_reason``, ``status``, ``reason``, ``rank``, ``requested``, ``unit``, ``method_title``,
    ``dataset_title``, ``method_params``, ``dataset_params``, ``by_seed``. The parameters are, as text, what tells rows
    or columns of one name apart; the last has the value of every seed. None where there is no value.

    Parameters
    ----------
    table : Table
        What :func:`bench.reporting.cells.build_table` made.
    """
    return json.dumps(_records(table), indent=1, ensure_ascii=False) + "\n"


def csv_table(table: Table) -> str:
    """`table` as comma-separated values with the columns of :func:`json_table`; empty where there is no value.

    Text that a spreadsheet would take for a formula begins with an apostrophe.

    Parameters
    ----------
    table : Table
        What :func:`bench.reporting.cells.build_table` made.
    """
    records = _records(table)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(records[0]), lineterminator="\n")
    writer.writeheader()
    for record in records:
        flat = {**record, **{side: _flat(record[side]) for side in ("method_params", "dataset_params", "by_seed")}}
        writer.writerow({name: for_spreadsheet(value) for name, value in flat.items()})
    return stream.getvalue()


def _records(table: Table) -> list[dict[str, Any]]:
    units = {header.key: header.unit for header in table.metrics}
    return [
        {
            "method": cell.method,
            "dataset": cell.dataset,
            "metric": cell.metric,
            "mean": _rounded(cell.mean),
            "std": _rounded(cell.std),
            "n": cell.n,
            "published": cell.published,
            "verdict": cell.verdict,
            "verdict_reason": cell.verdict_reason,
            "status": cell.status,
            "reason": cell.reason,
            "rank": cell.rank,
            "requested": cell.requested,
            "unit": units[cell.metric],
            "method_title": row.label,
            "dataset_title": column.label,
            "method_params": dict(row.params),
            "dataset_params": dict(column.params),
            "by_seed": {str(seed): _rounded(value) for seed, value in cell.by_seed},
        }
        for (row, column, _), cell in table.cells.items()
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _flat(params: dict[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in params.items())
