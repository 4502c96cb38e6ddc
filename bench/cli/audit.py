"""``bench audit``: what a published table implies about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.cli.app import app, console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.audit import Report

__all__ = ["audit"]


@app.command()
def audit(
    table: Annotated[
        str | None,
        typer.Argument(help="A published table, or a JSON file like one; all published tables by default."),
    ] = None,
    output: Annotated[
        Literal["terminal", "markdown", "json"], typer.Option("--format", help="How to write it.")
    ] = "terminal",
    everything: Annotated[
        bool, typer.Option("--all", help="List what agrees, and by how much the best row leads, too.")
    ] = False,
) -> None:
    """Recompute what a published table implies; list what cannot be true.

    A number printed as 94.5 stands for 94.45 to 94.55. F_beta (beta = 1) is
    the harmonic mean of NMI and MNCE, so that F_beta and NMI leave an interval
    for MNCE; so does Balance, a narrow one where there are two groups of known
    sizes. Where these and the printed MNCE do not meet, the table contradicts
    itself: the odd one is named if all others agree, and otherwise it is said
    that nothing printed settles it. MNCE cannot be 0 while Balance is above 0,
    Balance cannot exceed the ratio of the smallest group to the largest, every
    metric has a range, and marks of best and second best must agree with the
    numbers. A contradiction that ends when one number is taken as cut off
    instead of rounded is listed apart. Of means over runs ("means": true) only
    those inequalities are checked that hold for means.

    A file looks like this, with values in percent and null for a dash;
    group_sizes, mark, settings and means may be left out:

    {"title": "My paper, Table 1", "source": "Authors. Title. Venue year.",
    "doi": "", "url": "https://example.org", "unit": "percent",
    "rows": {"Ours": ""}, "columns": ["MNIST-USPS"],
    "metrics": ["nmi", "balance", "mnce", "f_beta"],
    "group_sizes": {"MNIST-USPS": [60000, 7291]}, "means": false,
    "cells": [{"method": "Ours", "dataset": "MNIST-USPS", "metric": "nmi",
    "value": 91.8, "mark": "best", "settings": {"epochs": 300}}]}

    Metrics that are checked: acc, nmi, ari, balance, mnce, f_beta, entropy.
    """
    from bench.audit import audit_json, audit_markdown, audit_table, open_table
    from bench.reporting.published import published_names

    names = published_names() if table is None else [table]
    reports = [audit_table(open_table(name)) for name in names]
    if output == "json":
        console().out(audit_json(reports), end="", highlight=False)
    elif output == "markdown":
        console().out(audit_markdown(reports, everything=everything), end="", highlight=False)
    else:
        _show(reports, everything=everything)


def _show(reports: Sequence[Report], *, everything: bool) -> None:
    from rich.padding import Padding
    from rich.text import Text

    from bench.audit import sections

    out = console()
    for number, report in enumerate(reports):
        out.print(Text(f"{chr(10) if number else ''}{report.title}", style="bold"))
        for heading, lines in sections(report, everything=everything):
            if heading:
                out.print(Text(heading, style="italic"))
            for line in lines:
                # A terminal wraps sentences, a pipe gets them whole.
                shown = Padding(Text(line), (0, 0, 0, 2), expand=False) if out.is_terminal else Text(f"  {line}")
                out.print(shown, soft_wrap=not out.is_terminal)
