"""The rules, applied to every row and column of a published table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.audit.bounds import balance_ceiling, mnce_from_balance, mnce_from_f
from bench.audit.intervals import Interval, common, decimals_of, rounded, truncated
from bench.audit.marks import margins_of, wrong_marks
from bench.audit.model import Check, Finding, Kind, Report, Settings
from bench.audit.wording import ceiling_text, contradiction_text, evidence_text, range_text, truncation_text
from bench.metrics.evaluation import METRICS
from bench.record import canonical_json
from bench.reporting.published import PublishedCell, PublishedTable

__all__ = ["audit_table"]

# What can have been cut off instead of rounded, the likeliest first: fairness just below 100.
_CUTTABLE = ("mnce", "f_beta", "balance", "nmi")

_Printing = Callable[[float, int], Interval]


def audit_table(table: PublishedTable) -> Report:
    """Recompute what a table implies and list the cells that cannot be true; see :mod:`bench.audit` for the rules.

    Parameters
    ----------
    table : PublishedTable
        In percent; tables of counts have nothing to check.

    Returns
    -------
    Report
        Findings in the order of the table's rows.
    """
    places = list(_places(table))
    findings: list[Finding] = []
    consistent: list[Check] = []
    for place in places:
        findings += place.outside()
        found = place.relations()
        if isinstance(found, Finding):
            findings.append(found)
        elif found is not None:
            consistent.append(found)
    marks = wrong_marks(table)
    return Report(
        title=table.title,
        source=table.source,
        counts={
            "values": sum(cell.value is not None for cell in table.cells),
            "checked": sum(len(place.printed) for place in places),
            "f_beta": sum({"nmi", "mnce", "f_beta"} <= place.printed.keys() for place in places),
            "balance_mnce": sum({"balance", "mnce"} <= place.printed.keys() for place in places),
            "ceilings": sum("balance" in place.printed and place.sizes is not None for place in places),
            "marks": sum(cell.mark is not None for cell in table.cells),
        },
        findings=(*findings, *marks),
        consistent=tuple(consistent),
        margins=margins_of(table),
    )


@dataclass(frozen=True)
class _Place:
    """What is printed of one row on one data set, in percent, and with how many decimals."""

    method: str
    dataset: str
    settings: Settings
    printed: Mapping[str, float]
    decimals: Mapping[str, int]
    sizes: tuple[int, ...] | None
    means: bool

    def outside(self) -> Iterator[Finding]:
        """Values that no clustering has, on any data or on these."""
        for metric, value in self.printed.items():
            low, high = (100.0 * end for end in METRICS[metric].range)
            if not low <= value <= high:
                yield self._finding("impossible", (metric,), {}, range_text(metric, value, low, high))
        if self.sizes is not None and "balance" in self.printed:
            ceiling = balance_ceiling(self.sizes)
            value = self.printed["balance"]
            if rounded(value, self.decimals["balance"]).low > ceiling and value <= 100.0:
                yield self._finding("impossible", ("balance",), {}, ceiling_text(value, ceiling, self.sizes))

    def relations(self) -> Check | Finding | None:
        """What the printed values say of MNCE; None where at most one of them says anything."""
        implied = self._implied({})
        if len(implied) < 2 and not any(interval.empty for interval in implied.values()):
            return None
        text = evidence_text(self.printed, implied)
        if not common(implied.values()).empty:
            return Check(self.method, self.dataset, self.settings, self.printed, implied, text)
        cut = tuple(metric for metric in _CUTTABLE if metric in self.printed and self._agrees_cut(metric))
        if cut:
            return self._finding("truncated", cut, implied, f"{text}. {truncation_text(cut)}")
        # A source without which all others agree is the odd one; two such leave it open.
        odd = [source for source in implied if not common(v for k, v in implied.items() if k != source).empty]
        suspects = odd or list(implied)
        settled_by = [source for source in implied if source not in odd] if len(odd) == 1 else []
        return self._finding(
            "impossible",
            _metrics(suspects),
            implied,
            f"{text}. {contradiction_text(implied, odd)}",
            _metrics(settled_by),
        )

    def _agrees_cut(self, metric: str) -> bool:
        return not common(self._implied({metric: truncated}).values()).empty

    def _implied(self, printing: Mapping[str, _Printing]) -> dict[str, Interval]:
        """Intervals for MNCE by what they follow from, where metrics print as `printing` says, else rounded."""
        stands_for = {
            metric: common([printing.get(metric, rounded)(value, self.decimals[metric]), Interval(0.0, 100.0)])
            for metric, value in self.printed.items()
            if 0.0 <= value <= 100.0
        }
        implied = {}
        if "mnce" in stands_for:
            implied["mnce"] = stands_for["mnce"]
        if "balance" in stands_for:
            implied["balance"] = mnce_from_balance(stands_for["balance"], self.sizes, means=self.means)
        if {"nmi", "f_beta"} <= stands_for.keys():
            implied["nmi, f_beta"] = mnce_from_f(stands_for["nmi"], stands_for["f_beta"], means=self.means)
        return implied

    def _finding(
        self,
        kind: Kind,
        suspects: tuple[str, ...],
        implied: Mapping[str, Interval],
        text: str,
        settled_by: tuple[str, ...] = (),
    ) -> Finding:
        return Finding(
            self.method, self.dataset, self.settings, self.printed, implied, text, kind, suspects, settled_by
        )


def _metrics(sources: Sequence[str]) -> tuple[str, ...]:
    return tuple(metric for source in sources for metric in source.split(", "))


def _places(table: PublishedTable) -> Iterator[_Place]:
    """Rows and columns with a percentage of a metric that is known here, in the table's order."""
    cells = [cell for cell in table.cells if cell.value is not None and _is_percent(table, cell)]
    held: dict[tuple[str, str, str], list[PublishedCell]] = defaultdict(list)
    of_row: dict[tuple[str, str], int] = defaultdict(int)
    of_metric: dict[str, int] = defaultdict(int)
    for cell in cells:
        row = (cell.method, canonical_json(cell.settings))
        held[(*row, cell.dataset)].append(cell)
        digits = decimals_of(cell.value or 0.0)
        of_row[row] = max(of_row[row], digits)
        of_metric[cell.metric] = max(of_metric[cell.metric], digits)
    for (method, settings, dataset), found in held.items():
        yield _Place(
            method=method,
            dataset=dataset,
            settings=found[0].settings,
            printed={cell.metric: cell.value for cell in found if cell.value is not None},
            decimals={cell.metric: min(of_row[method, settings], of_metric[cell.metric]) for cell in found},
            sizes=table.group_sizes.get(dataset),
            means=table.means,
        )


def _is_percent(table: PublishedTable, cell: PublishedCell) -> bool:
    known = METRICS.get(cell.metric)
    return table.unit == "percent" and cell.unit is None and known is not None and known.unit == "percent"
