"""What was run beside every figure: parameters, seeds, devices and code."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.metadata import REFERENCE_INFO
from bench.record import Record, canonical_json
from bench.reporting.axes import Axes, parameter_text
from bench.reporting.model import Column, Row

__all__ = ["Defaults", "budget_text", "deviation", "head_lines", "run_lines", "seed_ranges"]

Defaults = Mapping[str, Mapping[str, Any]]

# Said even at their default: how long a network trained, and a number of clusters that is not the data's.
_ALWAYS_SAID = ("epochs", "base_epochs", "n_clusters")


def run_lines(axes: Axes, defaults: Defaults, dataset_defaults: Defaults) -> tuple[str, ...]:
    """One line a row, such as ``"FCMI: epochs=30; seeds 0-2; cpu"``, then data sets with parameters.

    Parameters
    ----------
    axes : Axes
        Rows, columns and their records.
    defaults, dataset_defaults : mapping of str to mapping
        Default parameters by registry name; for a name that is missing, all parameters are said.
    """
    rows = [row for row in axes.rows if row.name != REFERENCE_INFO.name and axes.in_row(row)]
    lines = [_row_line(axes, row, defaults.get(row.name, {})) for row in rows]
    lines += [line for column in axes.columns if (line := _column_line(axes, column, dataset_defaults))]
    return tuple(lines)


def head_lines(records: Sequence[Record], command: str) -> tuple[str, ...]:
    """What stands above a table: how it was made, and from which runs; equal records, equal lines.

    Parameters
    ----------
    records : sequence of Record
        The runs behind it, at least one.
    command : str
        What makes runs and table; empty for no such line.
    """
    rows = sorted(record.model_dump_json(include={"key", "status", "reason", "metrics"}) for record in records)
    newest = max(record.ended for record in records)[:10]
    parts = [
        f"{len(records)} runs" if len(records) > 1 else "1 run",
        f"the newest of {newest}" if newest else "",
        _code_text(records),
        _devices_text(records),
        ", ".join(sorted({record.gpu for record in records if record.gpu and record.device.startswith("cuda")})),
        f"sha256 of keys, outcomes and metrics {hashlib.sha256(chr(10).join(rows).encode()).hexdigest()[:16]}",
    ]
    made = (f"Made by: {command}",) if command else ()
    return (*made, "From " + "; ".join(part for part in parts if part))


def budget_text(records: Sequence[Record], defaults: Mapping[str, Any]) -> str:
    """How runs of one method were made, such as ``"3 seeds; epochs=30; cpu, float32"``: the parameters they share.

    Parameters
    ----------
    records : sequence of Record
        At least one.
    defaults : mapping
        Default parameters, which are left out.
    """
    params = [record.spec.method_params for record in records]
    shared = {
        name: value
        for name, value in params[0].items()
        if len({canonical_json(other.get(name)) for other in params}) == 1
    }
    seeds = len({record.spec.seed for record in records})
    parts = [
        f"{seeds} seeds" if seeds > 1 else f"seed {records[0].spec.seed}",
        _params_text(_said(shared, defaults)) or "default parameters",
        _devices_text(records),
    ]
    return "; ".join(part for part in parts if part)


def deviation(axes: Axes, row: Row, column: Column) -> str:
    """Parameters in which the runs of `column` differ from most of `row`; empty where they do not."""
    held = axes.records.get((row, column))
    if not held:
        return ""
    usual, here = _usual_params(axes, row), held[0].spec.method_params
    changed = {name: value for name, value in here.items() if name not in usual or usual[name] != value}
    dropped = {name: value for name, value in usual.items() if name not in here}
    parts = [f"{word} {_params_text(params)}" for word, params in (("with", changed), ("without", dropped)) if params]
    return f"run {' and '.join(parts)}" if parts else ""


def _row_line(axes: Axes, row: Row, defaults: Mapping[str, Any]) -> str:
    by_column = axes.in_row(row)
    records = [record for held in by_column.values() for record in held]
    labelled = {name for name, _ in row.params}
    said = {name: value for name, value in _said(_usual_params(axes, row), defaults).items() if name not in labelled}
    parts = [
        _params_text(said) or ("default parameters" if defaults and not labelled else ""),
        _seeds_text({column.label: [record.spec.seed for record in held] for column, held in by_column.items()}),
        _devices_text(records),
    ]
    if any(len({record.spec.method_source for record in held}) > 1 for held in by_column.values()):
        parts.append("seeds ran with different versions of its code")
    return f"{row.label}: " + "; ".join(part for part in parts if part)


def _column_line(axes: Axes, column: Column, defaults: Defaults) -> str:
    records = axes.in_column(column)
    if not records:
        return ""
    labelled = {name for name, _ in column.params}
    said = _said(records[0].spec.dataset_params, defaults.get(column.name, {}))
    text = _params_text({name: value for name, value in said.items() if name not in labelled})
    return f"{column.label}: {text}" if text else ""


def _code_text(records: Sequence[Record]) -> str:
    commits = sorted({record.commit[:10] for record in records if record.commit})
    dirty = " with changes not committed" if any(record.dirty for record in records) else ""
    return f"code at commit {', '.join(commits)}{dirty}" if commits else dirty.strip()


def _usual_params(axes: Axes, row: Row) -> Mapping[str, Any]:
    """Parameters of most columns of a row, of the first ones where that is a tie."""
    found = [held[0].spec.method_params for held in axes.in_row(row).values()]
    count = Counter(canonical_json(params) for params in found)
    return max(found, key=lambda params: count[canonical_json(params)])


def _said(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    always = {name: params[name] for name in _ALWAYS_SAID if name in params}
    # As JSON, since a record holds a list where an adapter has a tuple.
    return always | {
        name: params[name]
        for name in sorted(params)
        if name not in defaults or canonical_json(params[name]) != canonical_json(defaults[name])
    }


def _params_text(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={parameter_text(value)}" for name, value in params.items())


def _seeds_text(seeds: Mapping[str, Sequence[int]]) -> str:
    """``"seeds 0-2"``, or the seeds by data set where they differ."""
    where: dict[str, list[str]] = {}
    for label, held in seeds.items():
        where.setdefault(seed_ranges(held), []).append(label)
    if len(where) == 1:
        return next(iter(where))
    return "; ".join(f"{text} on {', '.join(labels)}" for text, labels in where.items())


def seed_ranges(numbers: Iterable[int]) -> str:
    """Seeds as text: ``"seed 3"``, ``"seeds 0-2, 5"``."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return ("seed " if parts == [str(runs[0][0])] else "seeds ") + ", ".join(parts)


def _devices_text(records: Sequence[Record]) -> str:
    """Kinds of device and arithmetic: which of several equal cards a run took says nothing of its figures."""
    kinds = sorted({record.device.partition(":")[0] for record in records if record.device})
    precisions = sorted({record.precision for record in records if record.precision})
    return ", ".join([*kinds, *precisions])
