"""What is said of a cell, in reading order, wherever it is shown: tables of text, and sections of sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.lineage_model import Figure, Parameters, Run, Variant
from bench.reporting.axes import parameter_text
from bench.reporting.gaps import GAP

__all__ = ["Grid", "Section", "heading", "parts"]

_DASH = "\N{EN DASH}"
_COMMIT_DIGITS = 10


@dataclass(frozen=True)
class Grid:
    """A table of text.

    Parameters
    ----------
    title : str
        What it is, for those who cannot see its heads.
    heads : tuple of str
        One a column.
    rows : tuple of tuple of str
        As wide as `heads`.
    left : frozenset of int
        Columns of words; the others hold numbers.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[int]


@dataclass(frozen=True)
class Section:
    """Sentences under a heading.

    Parameters
    ----------
    heading : str
        What they are about.
    lines : tuple of str
        At least one.
    copied : bool
        Whether they are keys and paths, which a reader copies.
    """

    heading: str
    lines: tuple[str, ...]
    copied: bool = False


def heading(variant: Variant) -> str:
    """``"FCMI on HAR: 3 of 3 seeds ended well"``."""
    return f"{variant.method} on {variant.dataset}: {variant.n} of {variant.requested} seeds ended well"


def parts(variant: Variant) -> Iterator[Grid | Section]:
    """All that is said of `variant`; sections that would be empty are left out."""
    for part in (
        _figures(variant.figures),
        _section("No value", _missing(variant.figures)),
        _section("Beside the published values", _beside(variant.figures)),
        _outcomes(variant.runs, variant.figures),
        _section("Did not end well", _failures(variant.runs)),
        _origins(variant.runs),
        _section("Remarks", variant.remarks),
        _section("Parameters of the method", _parameters(variant.method_params)),
        _section("Parameters of the data set", _parameters(variant.dataset_params)),
        _section("Protocol", variant.flags),
        _section("On the method", variant.method_notes),
        _section("On the data set", variant.dataset_notes),
        _records("Records", variant.runs),
        _records("Older records, not in the figures", variant.earlier),
    ):
        if isinstance(part, Grid) or part.lines:
            yield part


def _figures(figures: Sequence[Figure]) -> Grid:
    rows = [
        (
            figure.title,
            _number(figure.mean),
            _number(figure.std),
            str(figure.n),
            _number(figure.published),
            _difference(figure),
            figure.verdict or _DASH,
        )
        for figure in figures
    ]
    heads = ("Metric", "mean", "sd", "n", "published", "ours - published", "verdict")
    return _grid("Metrics", heads, rows, left=(0, 6))


def _outcomes(runs: Sequence[Run], figures: Sequence[Figure]) -> Grid:
    heads = ("Seed", "status", *(figure.title for figure in figures), "seconds")
    rows = [
        (
            str(run.seed),
            run.status,
            *(_number(run.metrics[figure.metric]) for figure in figures),
            _number(run.seconds, digits=2),
        )
        for run in runs
    ]
    return _grid("Runs", heads, rows, left=(1,))


def _origins(runs: Sequence[Run]) -> Grid:
    heads = ("Seed", "device", "precision", "threads", "commit", "started", "machine")
    rows = [
        (
            str(run.seed),
            run.device or _DASH,
            run.precision or _DASH,
            str(run.threads or _DASH),
            (run.commit[:_COMMIT_DIGITS] or _DASH) + ("+" if run.dirty else ""),
            f"{run.started[:16].replace('T', ' ')}Z" if run.started else _DASH,
            _machine(run) or _DASH,
        )
        for run in runs
    ]
    return _grid("Machines", heads, rows, left=range(1, len(heads)))


def _grid(title: str, heads: Sequence[str], rows: Iterable[tuple[str, ...]], *, left: Iterable[int]) -> Grid:
    return Grid(title, tuple(heads), tuple(rows), frozenset(left))


def _section(about: str, lines: Sequence[str]) -> Section:
    return Section(about, tuple(lines))


def _records(about: str, runs: Sequence[Run]) -> Section:
    lines = []
    for run in runs:
        lines.append(f"seed {run.seed}  key {run.key}")
        if run.log:
            lines.append(f"{' ' * len(f'seed {run.seed}')}  log {run.log}")
    if runs and not any(run.log for run in runs):
        lines.append("no logs here: they stay in the results folder of the run, as logs/KEY.log")
    return Section(about, tuple(lines), copied=True)


def _missing(figures: Sequence[Figure]) -> list[str]:
    # Where no run ended well, the runs say why.
    return _grouped((figure.reason, figure.title) for figure in figures if figure.status == "undefined")


def _beside(figures: Sequence[Figure]) -> list[str]:
    unexplained = f"more than {GAP:g} points from the published value, and nothing explains it yet"
    said = []
    for figure in figures:
        unlike = [f"{figure.verdict}: {figure.verdict_reason}"] if figure.verdict_reason else []
        why = [figure.explanation or unexplained] if figure.gap else []
        said += [(text, figure.title) for text in (*unlike, *figure.doubts, *why)]
    return _grouped(said)


def _failures(runs: Sequence[Run]) -> list[str]:
    failed = [run for run in runs if run.status != "ok"]
    return _grouped((f"{run.status}: {run.reason or 'no reason recorded'}", f"seed {run.seed}") for run in failed)


def _grouped(said: Iterable[tuple[str, str]]) -> list[str]:
    """Every text once, after the metrics or seeds that it is about; from (text, what it is about)."""
    about: dict[str, list[str]] = {}
    for text, what in said:
        about.setdefault(text, []).append(what)
    return [f"{', '.join(names)}: {text}" for text, names in about.items()]


def _parameters(params: Parameters) -> list[str]:
    if params.defaults is None:
        lines = [f"{name}={parameter_text(value)}" for name, value in params.values.items()]
        return [*lines, "(its adapter cannot be loaded here, so these are all)"] if lines else []
    lines = [
        f"{name}={parameter_text(value)}"
        + (f" (default {parameter_text(params.defaults[name])})" if name in params.defaults else "")
        for name, value in params.changed.items()
    ]
    return lines or (["all at their defaults"] if params.values else [])


def _machine(run: Run) -> str:
    return "; ".join(part for part in (run.gpu if run.device.startswith("cuda") else "", run.cpu) if part)


def _difference(figure: Figure) -> str:
    if figure.mean is None or figure.published is None:
        return _DASH
    return f"{figure.mean - figure.published:+.1f}"


def _number(value: float | None, digits: int = 1) -> str:
    return _DASH if value is None else f"{value + 0.0:.{digits}f}"
