"""``bench list``: methods, data sets and suites, and those that cannot be used with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.cli.app import Format, Plugins, app, print_json, print_table, registry

if TYPE_CHECKING:
    from bench.metadata import DatasetInfo
    from bench.registry import Entry

__all__ = ["dataset_row", "list_"]

What = Literal["methods", "datasets", "suites", "all"]


@app.command("list")
def list_(
    what: Annotated[What, typer.Argument(help="What to list.")] = "all",
    output: Format = "text",
    plugins: Plugins = None,
) -> None:
    """List methods, data sets and suites; those that cannot be used, with the reason."""
    found = registry(plugins)
    listing: dict[str, list[dict[str, Any]]] = {}
    if what in ("methods", "all"):
        rows = [_method_row(entry) for entry in found.methods.values()]
        rows += [{**_method_row(entry), "name": f"{entry.name}(METHOD)"} for entry in found.wrappers.values()]
        listing["methods"] = [_reference_row(), *rows]
    if what in ("datasets", "all"):
        listing["datasets"] = [dataset_row(entry) for entry in found.datasets.values()]
    if what in ("suites", "all"):
        listing["suites"] = _suite_rows()
    if output == "json":
        print_json(listing if what == "all" else listing[what])
        return
    for heading, rows in listing.items():
        print_table(heading, rows)


def _reference_row() -> dict[str, Any]:
    from bench.metadata import REFERENCE_INFO

    return {
        "name": REFERENCE_INFO.name,
        "title": REFERENCE_INFO.title,
        "family": REFERENCE_INFO.family,
        "groups": "any",
        "status": "ready",
        "origin": "the harness",
    }


def _method_row(entry: Entry) -> dict[str, Any]:
    from bench.metadata import MethodInfo

    described = entry.info
    groups = "?"
    if isinstance(described, MethodInfo):
        highest = described.max_groups
        groups = str(highest) if highest == described.min_groups else f"{described.min_groups}-{highest or 'any'}"
        groups = "any" if groups == "1-any" else groups
    return {
        "name": entry.name,
        "title": getattr(described, "title", ""),
        "family": getattr(described, "family", ""),
        "groups": groups,
        "status": entry.problem or "ready",
        "origin": entry.origin,
    }


def dataset_row(entry: Entry, *, verify: bool = False) -> dict[str, Any]:
    """What a listing says of a data set; `verify` looks at the content of its files as well."""
    from bench.metadata import DatasetInfo

    described = entry.info
    status, sizes = entry.problem, {}
    if isinstance(described, DatasetInfo):
        status = status or _data_status(described, verify)
        sizes = {name: "any" if (size := getattr(described, name)) is None else size for name in ("n", "k", "n_groups")}
    return {
        "name": entry.name,
        "title": getattr(described, "title", ""),
        **sizes,
        "sensitive": getattr(described, "sensitive", ""),
        "status": status,
        "origin": entry.origin,
    }


def _data_status(described: DatasetInfo, verify: bool) -> str:
    """Whether the files are there and, if asked, whether they are sound; nothing is downloaded."""
    from bench.data.store import Store

    states = Store.default(download=False).state(described.files, verify=verify)
    for state in states:
        if state.state == "corrupt":
            return f"corrupt: {state.problem}"
    missing = [state.file.path for state in states if state.state == "missing"]
    if not missing:
        return "needs a file of yours" if described.own_file else "ready"
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"missing: {missing[0]}{others}; `bench fetch {described.name}`"


def _suite_rows() -> list[dict[str, Any]]:
    from bench.suite import load_suite, suite_names

    return [{"name": name, "title": load_suite(name).title} for name in suite_names()]
