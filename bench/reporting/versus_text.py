"""Comparisons of methods as text for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from bench.reporting.headers import MetricHeader, printed
from bench.reporting.layout import DASH
from bench.reporting.markdown import escape
from bench.reporting.statistics import FEWEST_PAIRS, LEVEL, Ranks
from bench.reporting.versus import DatasetOutcome, Pair, Ranking

__all__ = ["Page", "pair_page", "ranks_page", "versus_json", "versus_markdown"]

_PERCENT = round(100 * LEVEL)
# Below, the distribution of Friedman's statistic is far from the one that its p value is taken from.
_MANY_DATASETS, _MANY_METHODS = 10, 5


@dataclass(frozen=True)
class Page:
    """A comparison, ready to be drawn.

    Parameters
    ----------
    title : str
        What is compared.
    heads : tuple of str
        Heads of the columns; the first holds names, the others numbers.
    rows : tuple of tuple of str
        One a data set or method.
    lines : tuple of str
        What follows from it, and how to read it.
    remarks : tuple of str
        What was left out.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[str, ...]
    remarks: tuple[str, ...] = field(default=())


def pair_page(found: Pair) -> Page:
    """Two methods over data sets."""
    heads = ("Data set", found.a, found.b, "difference", f"{_PERCENT} % interval", "seeds", "outcome")
    return Page(
        title=f"{found.a} against {found.b}: {_metric_text(found.metric)}",
        heads=heads,
        rows=tuple(_dataset_row(one) for one in found.datasets),
        lines=(_score(found), _pair_caption(found)),
        remarks=found.remarks,
    )


def ranks_page(found: Ranking) -> Page:
    """Several methods ranked over data sets."""
    heads = ("Method", *found.datasets, *(["average rank"] if found.ranks else ()))
    average = found.ranks.average if found.ranks else ()
    order = sorted(range(len(found.methods)), key=lambda method: average[method] if average else method)
    rows = tuple(
        (
            found.methods[method],
            *(printed(means[method]) for means in found.means),
            *([f"{average[method]:.2f}"] if average else []),
        )
        for method in order
    )
    return Page(
        title=f"{len(found.methods)} methods: {_metric_text(found.metric)}",
        heads=heads,
        rows=rows,
        lines=(*_test_lines(found), "Means over the seeds that all of the methods have; ties share a rank."),
        remarks=found.remarks,
    )


def versus_markdown(page: Page) -> str:
    """`page` as GitHub-flavoured Markdown."""
    from tabulate import tabulate

    body = [[escape(value) for value in row] for row in page.rows]
    aligned = ["left", *["right"] * (len(page.heads) - 1)]
    heads = [escape(head) for head in page.heads]
    parts = [f"**{escape(page.title)}**"]
    parts.append(tabulate(body, heads, tablefmt="pipe", disable_numparse=True, colalign=aligned))
    parts += [escape(line) for line in page.lines]
    if page.remarks:
        parts.append("\n".join(f"- {escape(remark)}" for remark in page.remarks))
    return "\n\n".join(parts) + "\n"


def versus_json(found: Pair | Ranking) -> str:
    """All that was found, as JSON; numbers are in the table's unit and not rounded."""
    plain = asdict(found)
    if isinstance(found, Pair):
        plain["counts"] = {outcome: found.count(outcome) for outcome in ("win", "tie", "loss", "open")}
    return json.dumps(plain, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _metric_text(metric: MetricHeader) -> str:
    unit = ", in percent" if metric.unit == "percent" else ""
    return f"{metric.title}{unit}, {metric.direction} is better"


def _dataset_row(one: DatasetOutcome) -> tuple[str, ...]:
    found = one.difference
    if found.mean is None or found.mean_a is None or found.mean_b is None:
        return (one.dataset, *[DASH] * 4, "0", "left out")
    interval = f"{_signed(found.low)} to {_signed(found.high)}" if found.low is not None else DASH
    return (
        one.dataset,
        printed(found.mean_a),
        printed(found.mean_b),
        _signed(found.mean),
        interval,
        str(len(found.seeds)),
        one.outcome,
    )


def _score(found: Pair) -> str:
    counts = [(found.count("win"), "wins"), (found.count("tie"), "ties"), (found.count("loss"), "losses")]
    score = f"{found.a}: " + ", ".join(
        f"{number} {_singular(word) if number == 1 else word}" for number, word in counts
    )
    still_open = found.count("open")
    return f"{score}; {still_open} open for want of seeds." if still_open else f"{score}."


def _singular(word: str) -> str:
    return {"wins": "win", "ties": "tie", "losses": "loss"}[word]


def _pair_caption(found: Pair) -> str:
    return (
        f"Difference: {found.a} minus {found.b}, mean over the seeds that both have, with a t interval of the paired "
        f"differences, not corrected for the number of data sets. A tie is an interval that contains 0; fewer than "
        f"{FEWEST_PAIRS} pairs have no interval and leave the outcome open. Runs that did not end well count nowhere."
    )


def _test_lines(found: Ranking) -> list[str]:
    if found.ranks is None:
        return [f"{found.reason}."]
    n, k = len(found.datasets), len(found.methods)
    return [*_friedman_lines(found.ranks, n, k), *_nemenyi_lines(found, found.ranks)]


def _friedman_lines(ranks: Ranks, n: int, k: int) -> list[str]:
    if ranks.statistic is None or ranks.p_value is None:
        return ["Every data set ranks all methods equal: there is nothing to test."]
    rough = "" if n > _MANY_DATASETS and k > _MANY_METHODS else "; with so few data sets or methods p is rough"
    head = f"Friedman: chi-squared {ranks.statistic:.2f} with {k - 1} degrees of freedom, p = {ranks.p_value:.2g}"
    return [f"{head}, {k} methods on {n} data sets{rough}."]


def _nemenyi_lines(found: Ranking, ranks: Ranks) -> list[str]:
    critical = f"Nemenyi: critical difference {ranks.critical_difference:.2f} of average ranks at 5 percent"
    if ranks.p_value is None or ranks.p_value >= 1.0 - LEVEL:
        return [f"{critical}, to be left alone here: Friedman's test finds no difference."]
    if not ranks.cliques:
        return [f"{critical}; all methods differ."]
    sets = "; ".join(", ".join(found.methods[method] for method in clique) for clique in ranks.cliques)
    return [f"{critical}; not told apart: {sets}."]


def _signed(value: float | None) -> str:
    # Finer than the means, which would show an interval that ends close to 0 as one that ends at it.
    return DASH if value is None else f"{value:+.2f}"
