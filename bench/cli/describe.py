"""``bench info`` and ``bench test``: one adapter, described and checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.app import Format, Plugins, app, console, print_field, print_json, registry
from bench.errors import InvalidInputError

if TYPE_CHECKING:
    from bench.registry import Entry

__all__ = ["check_adapter", "info"]


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A method or a data set.")],
    output: Format = "text",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the data set: blobs.n=100; may be repeated.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw classes, groups and samples of a data set: .png or .pdf.", metavar="FILE"),
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Describe a method or a data set: what it is, its parameters, its sizes and ceilings."""
    entry = _entry(name, plugins)
    if entry.kind == "dataset":
        _describe_dataset(entry, _settings_of(entry, settings or []), output, plot)
        return
    if settings or plot:
        raise InvalidInputError(f"'{entry.name}' is a method; --set and --plot are for data sets")
    card = _method_card(entry)
    if output == "json":
        print_json(card)
        return
    for key, value in card.items():
        print_field(key, value)


@app.command("test")
def check_adapter(
    name: Annotated[str, typer.Argument(help="A method or a data set.")],
    timeout: Annotated[float, typer.Option(min=1, help="Seconds after which a check is stopped.")] = 60,
    plugins: Plugins = None,
) -> None:
    """Check on toy data that a method or a data set does what the harness relies on; say what fails in words."""
    from bench.conformance.apart import check_apart
    from bench.registry import kind_title

    entry = _entry(name, plugins)
    out, counts = console(), Counter[str]()
    place = f"in {entry.path}" if entry.path.is_file() else f"({entry.origin})"
    out.print(f"{kind_title(entry.kind)} '{entry.name}' {place}", markup=False)
    for finding in check_apart(entry, timeout=timeout):
        result = "open" if not finding.checked else "failed" if finding.problem else "passed"
        counts[result] += 1
        out.print(f"{result:<6}  {finding.check}", markup=False)
        if finding.problem:
            out.print(f"        {finding.problem}", markup=False)
    rest = f"; {counts['open']} could not be tried after what failed" if counts["open"] else ""
    out.print(f"{counts['passed']} of {counts.total()} checks passed{rest}")
    if counts["failed"]:
        raise typer.Exit(1)


def _entry(name: str, plugins: list[Path] | None) -> Entry:
    from bench.errors import UnknownNameError

    found = registry(plugins)
    entry = found.find("method", name) or found.find("dataset", name)
    if entry is None:
        known = [*found.methods, *found.datasets]
        raise UnknownNameError("method or data set", name, known, "`bench list` describes them.")
    return entry


def _method_card(entry: Entry) -> dict[str, Any]:
    method = entry.load()
    parameters = method().get_params(deep=False)
    described = asdict(entry.info) if entry.info else {}
    return {
        **described,
        "origin": entry.origin,
        "parameters": parameters,
        "description": (method.__doc__ or "").strip(),
    }


def _settings_of(entry: Entry, settings: list[str]) -> dict[str, Any]:
    from bench.registry import normalise
    from bench.suite import parse_setting

    given = {}
    for text in settings:
        name, parameter, value = parse_setting(text)
        if normalise(name) != entry.name:
            raise InvalidInputError(f"setting '{text}' given; here it begins with {entry.name}.")
        given[parameter] = value
    return given


def _describe_dataset(entry: Entry, given: dict[str, Any], output: str, plot: Path | None) -> None:
    from bench.data.card import dataset_card
    from bench.data.store import Store

    store = Store.default(download=False)
    card = dataset_card(entry, store, given)
    if output == "json":
        print_json(card)
    else:
        _print_card(card)
    if plot is not None:
        from bench.data.card import prepared_data
        from bench.reporting.cards import card_figure

        path = card_figure(
            prepared_data(entry, store, given), plot, title=f"{card['title']}: {card['target']} by {card['sensitive']}"
        )
        console(stderr=True).print(f"figure written to {path}", markup=False)


def _print_card(card: dict[str, Any]) -> None:
    from bench.reporting.card_text import WIDTH, card_text

    out = console()
    out.print(card_text(card), width=min(out.width, WIDTH), soft_wrap=False)
