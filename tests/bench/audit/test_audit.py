"""The audit of published tables: what it must find, and that it accuses no table that could be true."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.audit import Finding, audit_json, audit_markdown, audit_table, open_table, sections
from bench.audit.bounds import balance_ceiling, mnce_from_balance, mnce_from_f
from bench.audit.intervals import Interval, truncated
from bench.errors import InvalidInputError, UnknownNameError
from bench.metrics import f_measure
from bench.metrics.fairness import balance_of, mnce_of
from bench.metrics.quality import nmi_of
from bench.reporting.published import PublishedTable, published_names, published_table

AUDITED = ("fcmi_table1", "fcmi_table2")
METRICS = ("nmi", "balance", "mnce", "f_beta")


def table(*rows: dict[str, float | None], sizes: tuple[int, ...] | None = None, **changes: Any) -> PublishedTable:
    """A table of one data set with the rows A, B, ..."""
    names = [chr(ord("A") + i) for i in range(len(rows))]
    content = {
        "title": "Made up",
        "source": "nobody",
        "doi": "",
        "url": "",
        "unit": "percent",
        "rows": dict.fromkeys(names, ""),
        "columns": ["data"],
        "metrics": list(dict.fromkeys(metric for row in rows for metric in row)),
        "group_sizes": {"data": sizes} if sizes else {},
        "cells": [
            {"method": name, "dataset": "data", "metric": metric, "value": value}
            for name, row in zip(names, rows, strict=True)
            for metric, value in row.items()
        ],
        **changes,
    }
    return PublishedTable.model_validate(content)


def only(audited: PublishedTable) -> Finding:
    (finding,) = audit_table(audited).findings
    return finding


def short(finding: Finding) -> tuple[str, str, str, str, str, str]:
    return (
        finding.kind,
        finding.method,
        finding.dataset,
        " ".join(f"{name}={value}" for name, value in finding.settings.items()),
        " ".join(finding.suspects),
        " ".join(finding.settled_by),
    )


def test_exactly_the_impossible_cells_of_table_1() -> None:
    assert [short(finding) for finding in audit_table(published_table("fcmi_table1")).findings] == [
        ("impossible", "DAC", "MTFL", "", "mnce balance", ""),
        ("impossible", "ClGAN", "HAR", "", "balance", "mnce nmi f_beta"),
        ("impossible", "FAlg", "MTFL", "", "mnce balance", ""),
        ("truncated", "DFC", "MTFL", "", "mnce", ""),
        ("impossible", "FCMI", "MNIST-USPS", "", "mnce", "balance nmi f_beta"),
        ("truncated", "FCMI", "Color Reverse MNIST", "", "mnce", ""),
    ]


def test_exactly_the_impossible_cell_of_table_2() -> None:
    assert [short(finding) for finding in audit_table(published_table("fcmi_table2")).findings] == [
        ("impossible", "FCMI", "MNIST-USPS", "L_clu=False L_fair=True", "mnce", "balance nmi f_beta"),
    ]


@pytest.mark.parametrize("name", sorted(set(published_names()) - set(AUDITED)))
def test_nothing_in_the_other_tables_is_impossible(name: str) -> None:
    assert audit_table(published_table(name)).findings == ()


def test_all_printed_values_of_table_1_are_checked() -> None:
    counts = audit_table(published_table("fcmi_table1")).counts
    assert (counts["values"], counts["checked"], counts["f_beta"], counts["balance_mnce"]) == (308, 308, 58, 58)


@pytest.mark.parametrize(
    ("name", "method", "low", "high"),
    [
        ("fcmi_table1", "FCMI", 92.3, 92.9),
        ("fcmi_table2", "FCMI", 82.8, 83.4),
        ("fcmi_table1", "DAC", 99.2, 99.3),
        ("fcmi_table1", "FAlg", 95.5, 95.5),
        ("fcmi_table1", "DFC", 100.0, 100.0),
    ],
)
def test_what_balance_implies_in_the_impossible_rows(name: str, method: str, low: float, high: float) -> None:
    (found,) = [
        finding
        for finding in audit_table(published_table(name)).findings
        if finding.method == method and finding.dataset in ("MNIST-USPS", "MTFL")
    ]
    assert tuple(round(end, 1) for end in found.implied["balance"]) == (low, high)


def test_the_headline_number_is_settled_at_the_value_of_table_2() -> None:
    (found,) = [f for f in audit_table(published_table("fcmi_table1")).findings if f.dataset == "MNIST-USPS"]
    low = max(found.implied["balance"].low, found.implied["nmi, f_beta"].low)
    high = min(found.implied["balance"].high, found.implied["nmi, f_beta"].high)
    # Table 2 prints 92.3 for the same setting: 92.25 to 92.35.
    assert (round(low, 2), round(high, 2)) == (92.34, 92.35)
    assert "MNCE is the odd one out" in found.text


def test_the_margins_that_the_paper_quotes() -> None:
    margins = audit_table(published_table("fcmi_table1")).margins
    leads = [margin for margin in margins if margin.metric == "f_beta"]
    assert [(margin.best, margin.margin) for margin in leads] == [
        (("FCMI",), lead) for lead in (17.0, 11.4, 9.7, 1.9, 2.0, 3.3)
    ]


@st.composite
def contingencies(draw: st.DrawFn, n_groups: int) -> NDArray[np.int64]:
    """Counts of classes, clusters and groups, with a sample in every group at least."""
    shape = (draw(st.integers(2, 4)), draw(st.integers(2, 4)), n_groups)
    largest = draw(st.sampled_from([3, 50, 5000]))
    flat = draw(st.lists(st.integers(0, largest), min_size=math.prod(shape), max_size=math.prod(shape)))
    counts = np.array(flat, dtype=np.int64).reshape(shape)
    counts[0, 0] += 1
    return counts


def measured(counts: NDArray[np.int64]) -> dict[str, float]:
    nmi, mnce = nmi_of(counts), mnce_of(counts)
    return {"nmi": nmi, "balance": balance_of(counts), "mnce": mnce, "f_beta": f_measure(nmi, mnce)}


def printed(scores: dict[str, float], decimals: int = 1) -> dict[str, float | None]:
    return {metric: round(100 * value, decimals) for metric, value in scores.items()}


@given(data=st.data(), n_groups=st.integers(2, 6), decimals=st.integers(0, 3), known=st.booleans())
@settings(max_examples=150)
def test_no_table_of_a_real_clustering_is_accused(
    data: st.DataObject, n_groups: int, decimals: int, known: bool
) -> None:
    counts = data.draw(contingencies(n_groups))
    sizes = tuple(int(size) for size in counts.sum(axis=(0, 1))) if known else None
    assert audit_table(table(printed(measured(counts), decimals), sizes=sizes)).findings == ()


@given(data=st.data())
@settings(max_examples=100)
def test_an_mnce_that_is_cut_off_is_never_called_impossible(data: st.DataObject) -> None:
    counts = data.draw(contingencies(2))
    scores = measured(counts)
    row = printed(scores) | {"mnce": math.floor(1000 * scores["mnce"]) / 10}
    found = audit_table(table(row, sizes=tuple(int(size) for size in counts.sum(axis=(0, 1))))).findings
    assert {finding.kind for finding in found} <= {"truncated"}


@given(data=st.data(), n_groups=st.integers(2, 4))
@settings(max_examples=100)
def test_means_over_runs_are_not_held_to_what_holds_for_one(data: st.DataObject, n_groups: int) -> None:
    first = data.draw(contingencies(n_groups))
    # The same samples in other clusters: the sizes of the groups stay.
    other = first.sum(axis=1, keepdims=True) * np.eye(1, first.shape[1], dtype=np.int64)[0][None, :, None]
    runs = [measured(first), measured(other)]
    means = {metric: (runs[0][metric] + runs[1][metric]) / 2 for metric in METRICS}
    sizes = tuple(int(size) for size in first.sum(axis=(0, 1)))
    assert audit_table(table(printed(means), sizes=sizes, means=True)).findings == ()


def test_a_mean_of_a_fair_and_an_unfair_run_would_be_accused_as_one_run() -> None:
    # Balances 0 and 100 with MNCE 0 and 100: the means are no clustering's, and no misprint.
    row: dict[str, float | None] = {"balance": 50.0, "mnce": 50.0}
    assert only(table(row, sizes=(10, 10))).suspects == ("mnce", "balance")
    assert audit_table(table(row, sizes=(10, 10), means=True)).findings == ()


@pytest.mark.parametrize("metric", ["mnce", "balance", "f_beta"])
@pytest.mark.parametrize("shift", [-6.0, 6.0])
def test_a_misprint_in_a_sound_row_is_pinned_down(metric: str, shift: float) -> None:
    counts = np.array([[[70, 20], [10, 5]], [[8, 9], [60, 40]]])
    row = printed(measured(counts))
    row[metric] = round((row[metric] or 0.0) + shift, 1)
    finding = only(table(row, sizes=(148, 74)))
    assert metric in finding.suspects
    assert set(finding.suspects) <= {metric, "nmi"}
    assert not set(finding.suspects) & set(finding.settled_by)


def test_mnce_0_with_balance_above_0_needs_no_sizes() -> None:
    finding = only(table({"balance": 0.4, "mnce": 0.0}))
    assert (finding.kind, finding.suspects, finding.settled_by) == ("impossible", ("mnce", "balance"), ())
    assert audit_table(table({"balance": 0.0, "mnce": 0.0})).findings == ()


def test_f_beyond_twice_the_nmi_is_impossible_for_any_fairness() -> None:
    finding = only(table({"nmi": 20.0, "f_beta": 41.0}))
    assert finding.suspects == ("nmi", "f_beta")
    assert finding.implied["nmi, f_beta"].empty
    # NMI 20.1 gives 33.5 with MNCE 100.
    assert only(table({"nmi": 20.1, "f_beta": 34.1})).suspects == ("nmi", "f_beta")
    assert audit_table(table({"nmi": 20.1, "f_beta": 33.5})).findings == ()


def test_balance_above_its_ceiling() -> None:
    assert balance_ceiling((60000, 7291)) == pytest.approx(12.1517, abs=1e-4)
    finding = only(table({"balance": 12.3}, sizes=(60000, 7291)))
    assert (finding.kind, finding.suspects) == ("impossible", ("balance",))
    assert "12.15 at most" in finding.text
    # 12.2 can be 12.15 rounded.
    assert audit_table(table({"balance": 12.2}, sizes=(60000, 7291))).findings == ()


@pytest.mark.parametrize(("metric", "value"), [("acc", 100.1), ("nmi", -0.5), ("ari", -51.0), ("mnce", 101.0)])
def test_values_out_of_range(metric: str, value: float) -> None:
    finding = only(table({metric: value}))
    assert (finding.kind, finding.suspects) == ("impossible", (metric,))


def test_a_row_printed_without_decimals_is_held_to_none() -> None:
    # NMI 50 +-0.5 and MNCE 90 +-0.5 give F_beta 63.9 to 64.7: 64 beside whole numbers, 63 nowhere.
    coarse: dict[str, float | None] = {"nmi": 50.0, "mnce": 90.0, "f_beta": 65.0}
    fine: dict[str, float | None] = {"nmi": 50.1, "mnce": 90.1, "f_beta": 64.4}
    assert audit_table(table(coarse, fine)).findings == ()
    assert only(table({**coarse, "f_beta": 65.1}, fine)).method == "A"


def test_marks_must_agree_with_the_numbers() -> None:
    made = table({"acc": 50.0}, {"acc": 70.0}, {"acc": 70.0}, {"acc": 60.0})
    marks = ("best", "best", None, "second")
    cells = tuple(cell.model_copy(update={"mark": mark}) for cell, mark in zip(made.cells, marks, strict=True))
    found = audit_table(made.model_copy(update={"cells": cells})).findings
    assert [(finding.kind, finding.method) for finding in found] == [("mark", "A"), ("mark", "C")]
    assert "ACC 50.0 is marked best; the best value printed is 70.0" in found[0].text
    assert "ACC 70.0 is not marked best" in found[1].text
    assert audit_table(made).findings == ()


def test_a_joint_lead_is_no_lead() -> None:
    joint, single = (
        audit_table(table({"acc": first}, {"acc": 70.0}, {"acc": 60.1})).margins[0] for first in (70.0, 75.3)
    )
    assert (joint.best, joint.margin) == (("A", "B"), 0.0)
    assert (single.best, single.second, single.margin) == (("A",), ("B",), 5.3)


def test_bounds_by_hand() -> None:
    # Two equal groups, Balance 1/3: shares 1/4 and 3/4, entropy 0.8113 bits of 1.
    third = Interval(100 / 3, 100 / 3)
    assert mnce_from_balance(third, (5, 5)) == pytest.approx((81.1278, 81.1278), abs=1e-3)
    # Three equal groups: at worst 1/5, 1/5, 3/5 of log 3, at best 1, 1/3 and 3 ** (-1/4) in proportion.
    low, high = mnce_from_balance(third, (5, 5, 5))
    worst = -(0.4 * math.log(0.2) + 0.6 * math.log(0.6)) / math.log(3)
    shares = np.array([1, 1 / 3, 3**-0.25]) / (4 / 3 + 3**-0.25)
    assert (low, high) == pytest.approx((100 * worst, -100 * float(shares @ np.log(shares)) / math.log(3)))
    # F_beta 60 from NMI 50 takes MNCE 75.
    assert mnce_from_f(Interval(50, 50), Interval(60, 60)) == pytest.approx((75.0, 75.0))
    assert truncated(99.9, 1).high == pytest.approx(100.0)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(table({"balance": 0.4, "mnce": 0.0}).model_dump_json())
    assert only(open_table(str(path))).dataset == "data"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "colour: Extra inputs"),
        ({"unit": "permille"}, "unit: Input should be"),
        ({"rows": {"B": ""}}, "method 'A' is not among those that the table lists (B)"),
        ({"columns": ["other"]}, "dataset 'data' is not among"),
        ({"metrics": ["acc"]}, "metric 'nmi' is not among"),
        ({"group_sizes": {"data": [5]}}, "group_sizes of data are [5]"),
        ({"group_sizes": {"nowhere": [5, 5]}}, "dataset 'nowhere' is not among"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_line(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(json.loads(table({"nmi": 50.0}).model_dump_json()) | change))
    with pytest.raises(InvalidInputError) as caught:
        open_table(str(path))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_cell_given_twice_and_a_number_that_is_none_are_refused(tmp_path: Path) -> None:
    content = json.loads(table({"nmi": 50.0}).model_dump_json())
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(content | {"cells": content["cells"] * 2}))
    with pytest.raises(InvalidInputError, match="2 cells for nmi of A on data"):
        open_table(str(path))
    content["cells"][0]["value"] = math.nan
    path.write_text(json.dumps(content))
    with pytest.raises(InvalidInputError, match="is nan; a dash is null"):
        open_table(str(path))


def test_names_and_paths_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'fcmi_table1'"):
        open_table("fcmi-table-1")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        open_table(str(tmp_path / "not-there.json"))


def test_json_and_markdown_say_the_same() -> None:
    report = audit_table(published_table("fcmi_table2"))
    (plain,) = json.loads(audit_json([report]))
    (finding,) = plain["findings"]
    assert (finding["suspects"], finding["settled_by"]) == (["mnce"], ["balance", "nmi", "f_beta"])
    assert finding["implied"]["mnce"] == [86.05, 86.15]
    markdown = audit_markdown([report], everything=False)
    assert markdown.count("\n- ") == 2
    assert r"FCMI (L_clu=False, L_fair=True) on MNIST-USPS: MNCE 86.1 is printed" in markdown
    empty = audit_table(table({"nmi": 20.0, "f_beta": 41.0}))
    assert json.loads(audit_json([empty]))[0]["findings"][0]["implied"] == {"nmi, f_beta": None}


def test_what_agrees_and_the_margins_are_listed_when_asked_for() -> None:
    report = audit_table(published_table("fcmi_table2"))
    assert [heading for heading, _ in sections(report, everything=False)] == ["", "Cannot be as printed"]
    headings = dict(sections(report, everything=True))
    assert len(headings["Consistent"]) == 2
    assert (
        "MNIST-USPS, F_β: FCMI (L_clu=True, L_fair=True) ahead of FCMI (L_clu=True, L_fair=False) by 8.5"
        in (headings["Margins"])
    )
