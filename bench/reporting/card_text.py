"""The card of a data set for a terminal, eighty columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.metrics import METRICS
from bench.reporting.axes import parameter_text
from bench.reporting.layout import DASH

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

__all__ = ["WIDTH", "card_text"]

WIDTH = 80

_NAME_WIDTH, _HEAD_WIDTH, _GAP = 18, 10, 2
_MOST_ROWS = 60


def card_text(card: Mapping[str, Any]) -> RenderableType:
    """`card` as something a rich console prints.

    Parameters
    ----------
    card : mapping
        What :func:`bench.data.card.dataset_card` made.

    Returns
    -------
    rich.console.Group
        What the data are; classes by groups; metrics of the true labels and of k-means; files.
    """
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(f"{card['title']} ({card['name']})", style="bold"), _fields(card)]
    if "group sizes" in card:
        parts += [part for drawn in _counts(card) for part in (Text(""), drawn)]
        parts += [Text(""), *_scores(card)]
    if card["files"]:
        parts += [Text(""), Text("Files", style="bold"), *_files(card["files"])]
    return Group(*parts)


def _fields(card: Mapping[str, Any]) -> Table:
    from rich.table import Table
    from rich.text import Text

    told_below = any(file["problem"] for file in card["files"])
    fields = {
        "status": "cannot be loaded, see its files below" if told_below else card["status"],
        "size": _size(card),
        "classes": card["target"],
        "groups": card["sensitive"],
        "parameters": ", ".join(f"{name}={parameter_text(value)}" for name, value in card["parameters"].items()),
        "reference": card["reference"],
        "doi": card["doi"],
        "licence": card["licence"],
        "found in": card["origin"],
        "made from": card.get("note", ""),
        "notes": "\n".join(card["notes"]),
    }
    drawn = Table.grid(padding=(0, _GAP))
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in fields.items():
        if value:
            drawn.add_row(name, Text(value))
    return drawn


def _size(card: Mapping[str, Any]) -> str:
    if "shape" not in card:
        known = {"n": card["n"], "K": card["k"], "T": card["n_groups"]}
        return ", ".join(f"{name} = {value:,}" for name, value in known.items() if value is not None)
    n, *rest = card["shape"]
    unit = "features" if len(rest) == 1 else "(channels, height, width)"
    sizes = " x ".join(f"{size:,}" for size in rest)
    return f"n = {n:,} samples of {sizes} {unit}, K = {card['k']} clusters, T = {card['n_groups']} groups"


def _counts(card: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Classes by groups with totals: the longer side downwards, in blocks that fit the width."""
    from rich.text import Text

    groups: dict[str, int] = card["group sizes"]
    table: dict[str, list[int]] = card.get("class x group", {})
    rows = [(name, [*counts, sum(counts)]) for name, counts in table.items()]
    rows.append(("all", [*groups.values(), sum(groups.values())]))
    heads = [*groups, "all"]
    if len(heads) > len(rows):
        turned = [(head, [counts[i] for _, counts in rows]) for i, head in enumerate(heads)]
        rows, heads = turned, [name for name, _ in rows]
    shown, hidden = rows, len(rows) - _MOST_ROWS
    if hidden > 0:
        shown = [*rows[: _MOST_ROWS - 1], rows[-1]]
    yield Text("Samples by class and group" if table else "Samples by group", style="bold")
    for start, stop in _blocks(heads, shown):
        yield _grid(
            heads[start:stop], [(name, [f"{count:,}" for count in counts[start:stop]]) for name, counts in shown]
        )
    if hidden > 0:
        yield Text(f"{hidden} rows are not shown; --format json has them all", style="dim")


def _blocks(heads: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]]) -> Iterator[tuple[int, int]]:
    """Ranges of columns that fit beside the names of the rows."""
    names = min(max(len(name) for name, _ in rows), _NAME_WIDTH)
    start, used = 0, names
    for i, head in enumerate(heads):
        width = _GAP + max(min(len(head), _HEAD_WIDTH), *(len(f"{counts[i]:,}") for _, counts in rows))
        if i > start and used + width > WIDTH:
            yield start, i
            start, used = i, names
        used += width
    yield start, len(heads)


def _scores(card: Mapping[str, Any]) -> Iterator[RenderableType]:
    from rich.text import Text

    truth: dict[str, float | None] = card["ceilings (true labels)"]
    rows = {"true labels": truth if card.get("class sizes") else {}, "k-means": card.get("k-means on the input", {})}
    metrics = {key: metric for key, metric in METRICS.items() if metric.unit == "percent"}
    yield Text("Reference points and ceilings, in percent", style="bold")
    yield _grid(
        [metric.title for metric in metrics.values()],
        [(name, [_percent(scores.get(key)) for key in metrics]) for name, scores in rows.items() if scores],
    )
    yield Text(f"Balance ceiling: {_percent(truth['balance_ceiling'])} (smallest group : largest)")
    if "k-means" in card:
        yield Text(f"k-means: {card['k-means']}", style="dim")


def _percent(value: float | None) -> str:
    return DASH if value is None else f"{100 * value:.2f}"


def _files(files: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    from rich.text import Text

    for file in files:
        others = [path for path in file["used"] if path != file["path"]]
        stands_in = f"; in its place {', '.join(others)}" if others else ""
        yield Text(f"{file['state']}: {file['problem'] or file['path'] + stands_in}")


def _grid(heads: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim")
    drawn.add_column("", max_width=_NAME_WIDTH, overflow="fold")
    for head in heads:
        drawn.add_column(Text(head), justify="right", max_width=_HEAD_WIDTH, overflow="fold", vertical="bottom")
    for name, cells in rows:
        drawn.add_row(Text(name, style="bold" if name == "all" else ""), *cells)
    return drawn
