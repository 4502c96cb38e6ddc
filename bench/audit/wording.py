"""Findings as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.audit.intervals import Interval, common
from bench.metrics.evaluation import METRICS
from bench.reporting.published import PublishedCell

__all__ = [
    "ceiling_text",
    "contradiction_text",
    "evidence_text",
    "mark_text",
    "metric_text",
    "range_text",
    "row_text",
    "truncation_text",
]


def metric_text(metric: str) -> str:
    """Metric as tables head it."""
    return METRICS[metric].title if metric in METRICS else metric


def row_text(method: str, settings: Mapping[str, object]) -> str:
    """Row with what tells it from others of its method."""
    return f"{method} ({', '.join(f'{name}={value}' for name, value in settings.items())})" if settings else method


def evidence_text(printed: Mapping[str, float], implied: Mapping[str, Interval]) -> str:
    """What is printed, and what it says of MNCE."""
    parts = [f"MNCE {printed['mnce']} is printed"] if "mnce" in implied else []
    for source, interval in implied.items():
        if source != "mnce":
            metrics = source.split(", ")
            values = " and ".join(f"{metric_text(metric)} {printed[metric]}" for metric in metrics)
            parts.append(f"{values} {'imply' if len(metrics) > 1 else 'implies'} {_range(interval)}")
    return "; ".join(parts)


def contradiction_text(implied: Mapping[str, Interval], odd: Sequence[str]) -> str:
    """Which printed value is the odd one out, or why that stays open.

    Parameters
    ----------
    implied : mapping of str to Interval
        What each source says of MNCE.
    odd : sequence of str
        Sources without which the others agree.
    """
    others = [source for source in implied if source not in odd]
    if any(implied[source].empty for source in odd):
        return "No MNCE gives such an F_β with such an NMI"
    if len(odd) == 1:
        left = f" and leave {_range(common(implied[source] for source in others))}" if odd == ["mnce"] else ""
        return f"{_and(odd, 'or')} is the odd one out: {_and(others)} {_agree(others)} with each other{left}"
    if odd and others:
        return f"{_and(odd)} contradict each other, and {_and(others)} {_agree(others)} with either: nothing settles it"
    return f"{_and(list(implied))} contradict each other, and nothing printed settles it"


def truncation_text(cut: Sequence[str]) -> str:
    """Which value explains the contradiction if it was cut off."""
    return f"All agree if {_and(cut, 'or')} was cut off instead of rounded"


def range_text(metric: str, value: float, low: float, high: float) -> str:
    """A value outside the range of its metric."""
    return f"{metric_text(metric)} {value} is printed; it lies between {low:g} and {high:g}"


def ceiling_text(value: float, ceiling: float, sizes: Sequence[int]) -> str:
    """A Balance above what the groups allow."""
    return (
        f"{metric_text('balance')} {value} is printed; groups of {min(sizes)} to {max(sizes)} samples allow "
        f"{ceiling:.2f} at most"
    )


def mark_text(cell: PublishedCell, mark: str, value: float) -> str:
    """A highlight that is where it should not be, or is not where it should be."""
    place = "best" if mark == "best" else "second best"
    has = f"is marked {place}" if cell.mark == mark else f"is not marked {place}"
    return f"{metric_text(cell.metric)} {cell.value} {has}; the {place} value printed is {value}"


def _range(interval: Interval) -> str:
    if interval.empty:
        return "more than 100"
    if interval.high >= 100.0 and interval.low < 99.995:
        return f"at least {interval.low:.2f}"
    low, high = f"{interval.low:.2f}", f"{interval.high:.2f}"
    return low if low == high else f"{low} to {high}"


def _metrics(sources: Sequence[str]) -> list[str]:
    return [metric_text(metric) for source in sources for metric in source.split(", ")]


def _agree(sources: Sequence[str]) -> str:
    return "agree" if len(_metrics(sources)) > 1 else "agrees"


def _and(sources: Sequence[str], word: str = "and") -> str:
    *names, last = _metrics(sources)
    return f"{', '.join(names)} {word} {last}" if names else last
