"""An audit as text for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from bench.audit.intervals import Interval
from bench.audit.model import Check, Margin, Report
from bench.audit.wording import metric_text, row_text
from bench.reporting.markdown import escape

__all__ = ["audit_json", "audit_markdown", "sections"]

_HEADINGS = {
    "impossible": "Cannot be as printed",
    "truncated": "Cut off instead of rounded",
    "mark": "Marks that disagree with the numbers",
}

_APPLIED = {
    "f_beta": "F_β beside NMI and MNCE",
    "balance_mnce": "pairs of Balance and MNCE",
    "ceilings": "Balances beside sizes of groups",
    "marks": "marks",
}


def sections(report: Report, *, everything: bool) -> list[tuple[str, list[str]]]:
    """What `report` says, as headings with a sentence for every place; sections without any are left out.

    Parameters
    ----------
    report : Report
        What :func:`bench.audit.audit_table` made.
    everything : bool
        Whether to list what agrees and the margins, too.
    """
    found = [
        (heading, [_sentence(finding) for finding in report.findings if finding.kind == kind])
        for kind, heading in _HEADINGS.items()
    ]
    if everything:
        found.append(("Consistent", [_sentence(check) for check in report.consistent]))
        found.append(("Margins", [_margin_text(margin) for margin in report.margins]))
    return [("", [_summary(report)]), *((heading, lines) for heading, lines in found if lines)]


def audit_markdown(reports: Sequence[Report], *, everything: bool) -> str:
    """`reports` in Markdown, a heading for every table."""
    parts: list[str] = []
    for report in reports:
        parts.append(f"## {escape(report.title)}")
        parts.append(escape(report.source))
        for heading, lines in sections(report, everything=everything):
            if heading:
                parts.append(f"**{heading}**")
            if lines:
                parts.append("\n".join(f"- {escape(line)}" for line in lines))
    return "\n\n".join(parts) + "\n"


def audit_json(reports: Sequence[Report]) -> str:
    """`reports` as a JSON list, with all there is; an interval is ``[low, high]``, and null where it is empty."""
    return json.dumps([_plain(report) for report in reports], indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _plain(report: Report) -> dict[str, Any]:
    plain = asdict(report)
    for check in (*plain["findings"], *plain["consistent"]):
        check["implied"] = {source: _ends(interval) for source, interval in check["implied"].items()}
    return plain


def _ends(interval: Interval) -> list[float] | None:
    return None if interval.empty else [round(end, 6) for end in interval]


def _summary(report: Report) -> str:
    counts = report.counts
    parts = [f"{counts[key]} {name}" for key, name in _APPLIED.items() if counts[key]]
    applied = f": {', '.join(parts)}" if parts else ""
    nothing = "" if report.findings else "; nothing found that cannot be as printed"
    return f"Checked {counts['checked']} of {counts['values']} printed values{applied}{nothing}."


def _sentence(check: Check) -> str:
    return f"{row_text(check.method, check.settings)} on {check.dataset}: {check.text}."


def _margin_text(margin: Margin) -> str:
    head = f"{margin.dataset}, {metric_text(margin.metric)}: {_and(margin.best)}"
    return f"{head} ahead of {_and(margin.second)} by {margin.margin}" if margin.margin else f"{head} joint"


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)
