"""Methods compared from records: which runs count, which do not, and what is said of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bench.errors import InvalidInputError, ResultsError, UnknownNameError
from bench.metadata import DatasetInfo, MethodInfo
from bench.record import Record
from bench.reporting.selection import select
from bench.reporting.versus import Pair, Ranking, compare_pair, compare_ranks
from bench.reporting.versus_text import pair_page, ranks_page, versus_json, versus_markdown

METHODS = {
    info.name: info
    for info in (
        MethodInfo("kmeans", "k-means"),
        MethodInfo("falg", "FAlg"),
        MethodInfo("fcmi", "FCMI", family="deep"),
        MethodInfo("random", "Random labels", family="control"),
    )
}
DATASETS = {name: DatasetInfo(name, name.title(), "class", "group") for name in ("one", "two", "three", "four", "five")}

Factory = Callable[..., Record]


def chosen(records: Sequence[Record], *names: str, metric: str = "nmi", only: Sequence[str] = ()) -> Any:
    return select(records, names, metric, methods=METHODS, datasets=DATASETS, only=only)


def pair(records: Sequence[Record], *names: str, **options: Any) -> Pair:
    return compare_pair(chosen(records, *names, **options))


def ranked(records: Sequence[Record], *names: str, **options: Any) -> Ranking:
    return compare_ranks(chosen(records, *names, **options))


@pytest.fixture
def four_seeds(record: Factory) -> list[Record]:
    """FCMI against k-means on one data set, the worked example of the statistics."""
    values = {"fcmi": (0.80, 0.84, 0.82, 0.90), "kmeans": (0.78, 0.80, 0.81, 0.85)}
    return [record(m, "one", seed, nmi=v) for m, found in values.items() for seed, v in enumerate(found)]


def test_four_seeds_by_hand(four_seeds: list[Record]) -> None:
    found = pair(four_seeds, "fcmi", "kmeans")
    (one,) = found.datasets
    assert (found.a, found.b, one.dataset, one.outcome) == ("FCMI", "k-means", "One", "win")
    assert one.difference.mean == pytest.approx(3.0)
    assert one.difference.low == pytest.approx(0.0948, abs=1e-3)
    assert found.remarks == ()
    page = pair_page(found)
    assert page.rows == (("One", "84.0", "81.0", "+3.00", "+0.09 to +5.91", "4", "win"),)
    assert page.lines[0] == "FCMI: 1 win, 0 ties, 0 losses."


def test_the_other_way_round_is_the_negative(four_seeds: list[Record]) -> None:
    there, back = pair(four_seeds, "fcmi", "kmeans"), pair(four_seeds, "kmeans", "fcmi")
    first, second = there.datasets[0].difference, back.datasets[0].difference
    assert (first.mean, first.low, first.high) == (-second.mean, -second.high, -second.low)
    assert (there.count("win"), there.count("loss")) == (back.count("loss"), back.count("win")) == (1, 0)


def test_a_metric_of_which_less_is_better(record: Factory) -> None:
    found = [record(m, "one", s, empty_clusters=float(n)) for m, n in (("fcmi", 0), ("kmeans", 2)) for s in range(3)]
    (one,) = pair(found, "fcmi", "kmeans", metric="empty_clusters").datasets
    # A count is no percentage.
    assert (one.difference.mean, one.outcome) == (-2.0, "win")


def test_failed_runs_count_nowhere_and_are_named(record: Factory, four_seeds: list[Record]) -> None:
    failed = record("kmeans", "one", 3, status="timeout", reason="no end after 60 s")
    found = pair([*(r for r in four_seeds if (r.spec.method, r.spec.seed) != ("kmeans", 3)), failed], "fcmi", "kmeans")
    (one,) = found.datasets
    assert (one.difference.seeds, one.difference.mean_b) == ((0, 1, 2), pytest.approx(79.67, abs=0.01))
    assert found.remarks == (
        "One, FCMI: seeds that not all have: 3",
        "One, k-means: 3 of 4 seeds; 1 timeout: no end after 60 s",
    )


def test_data_sets_without_a_pair_are_left_out_with_the_reason(record: Factory, four_seeds: list[Record]) -> None:
    more = [
        record("fcmi", "two", 0, nmi=0.9),
        record("kmeans", "two", 0, status="not-applicable", reason="two groups only"),
        record("fcmi", "three", 0, nmi=0.9),
        record("fcmi", "four", 0, nmi=None),
        record("kmeans", "four", 0, nmi=None),
        record("fcmi", "five", 0, nmi=0.5),
        record("kmeans", "five", 1, nmi=0.5),
        record("falg", "two", 0, nmi=0.9),
    ]
    found = pair([*four_seeds, *more], "fcmi", "kmeans")
    assert [(one.dataset, one.difference.mean is None) for one in found.datasets] == [
        ("Five", True), ("Four", True), ("One", False), ("Three", True), ("Two", True),
    ]  # fmt: skip
    assert found.remarks == (
        "Five left out: no seed that all have",
        "Four left out: FCMI: 1 of 1 runs without NMI: no true labels; "
        "k-means: 1 of 1 runs without NMI: no true labels",
        "Three left out: k-means: not run",
        "Two left out: k-means: not-applicable: two groups only",
    )
    assert [found.count(outcome) for outcome in ("win", "tie", "loss", "open")] == [1, 0, 0, 0]
    assert pair_page(found).rows[0][-2:] == ("0", "left out")


def test_two_pairs_leave_the_outcome_open(four_seeds: list[Record]) -> None:
    found = pair([r for r in four_seeds if r.spec.seed < 2], "fcmi", "kmeans")
    assert found.datasets[0].outcome == "open"
    assert pair_page(found).lines[0] == "FCMI: 0 wins, 0 ties, 0 losses; 1 open for want of seeds."


def test_a_seed_that_changes_nothing_is_said(record: Factory, four_seeds: list[Record]) -> None:
    fixed = [record("falg", name, seed, nmi=0.7) for name in ("one", "two") for seed in range(4)]
    found = pair([*four_seeds, *fixed, record("fcmi", "two", 0, nmi=0.1)], "fcmi", "falg")
    assert "FAlg: the seed changes nothing on One, Two" in found.remarks
    assert not any("FCMI: the seed" in remark for remark in found.remarks)


def test_rows_with_parameters_are_named_as_the_table_does(record: Factory) -> None:
    made = [
        record("falg", "one", seed, params={"features": features}, nmi=nmi)
        for features, nmi in (("raw", 0.2), ("ae", 0.6))
        for seed in range(3)
    ]
    for first, second in (
        ("falg(features=ae)", "falg(features=raw)"),
        ("FAlg (features=ae)", " falg ( features=raw )"),
    ):
        found = pair(made, first, second)
        assert (found.a, found.b) == ("FAlg (features=ae)", "FAlg (features=raw)")
    with pytest.raises(InvalidInputError, match=r"2 rows; name one of 'falg\(features=ae\)', 'falg\(features=raw\)'"):
        pair(made, "falg", "kmeans")


def test_runs_on_several_versions_of_the_data_are_refused(record: Factory, four_seeds: list[Record]) -> None:
    other = [record("falg", "one", seed, data_hash="other", nmi=0.5) for seed in range(3)]
    with pytest.raises(ResultsError, match="2 versions of the data") as caught:
        pair([*four_seeds, *other], "fcmi", "falg")
    assert "--allow-mixed" not in str(caught.value)
    # What is not compared may be on any version.
    assert pair([*four_seeds, *other], "fcmi", "kmeans").count("win") == 1


def test_what_cannot_be_compared_is_said(four_seeds: list[Record]) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'kmeans'"):
        pair(four_seeds, "fcmi", "kmean")
    with pytest.raises(UnknownNameError, match="unknown metric"):
        pair(four_seeds, "fcmi", "kmeans", metric="accuracy")
    with pytest.raises(UnknownNameError, match="data set with records 'two'"):
        pair(four_seeds, "fcmi", "kmeans", only=("two",))
    with pytest.raises(InvalidInputError, match="name every row once"):
        pair(four_seeds, "fcmi", "FCMI")
    with pytest.raises(InvalidInputError, match="neither side is better"):
        pair(four_seeds, "fcmi", "kmeans", metric="entropy")
    with pytest.raises(InvalidInputError, match="takes two"):
        pair(four_seeds, "fcmi")
    with pytest.raises(ResultsError, match="no records"):
        pair([], "fcmi", "kmeans")


@pytest.fixture
def five_columns(record: Factory) -> list[Record]:
    """Ranks 1 2 3 three times, 2 1 3 and 1 3 2, the worked example of Friedman's test, and a control."""
    scores = zip(DATASETS, [(3, 2, 1), (9, 5, 4), (3, 2, 0), (2, 3, 1), (8, 6, 7)], strict=True)
    made = [
        record(method, name, seed, nmi=value / 10 + seed / 100)
        for name, values in scores
        for method, value in zip(("fcmi", "falg", "kmeans"), values, strict=True)
        for seed in range(2)
    ]
    return [*made, record("random", "one", 0, nmi=1.0)]


def test_all_ranked_methods_over_complete_columns(five_columns: list[Record]) -> None:
    found = ranked(five_columns)
    assert dict(zip(found.methods, found.ranks.average, strict=True)) == pytest.approx(
        {"FCMI": 1.2, "FAlg": 2.0, "k-means": 2.8}
    )
    assert found.ranks.statistic == pytest.approx(6.4)
    page = ranks_page(found)
    assert [row[0] for row in page.rows] == ["FCMI", "FAlg", "k-means"]
    assert page.rows[0][-1] == "1.20"
    assert page.lines[0].startswith("Friedman: chi-squared 6.40 with 2 degrees of freedom, p = 0.041")
    # Critical difference 2.343 / sqrt(2 * 5 / 4): FCMI and k-means, 1.6 apart, differ.
    assert (
        "critical difference 1.48 of average ranks at 5 percent; not told apart: FCMI, FAlg; FAlg, k-means."
        in (page.lines[1])
    )


def test_an_incomplete_column_counts_nowhere(record: Factory, five_columns: list[Record]) -> None:
    kept = [r for r in five_columns if (r.spec.method, r.spec.dataset) != ("falg", "one")]
    failed = [record("falg", "one", seed, status="oom", reason="needs 7 TiB") for seed in range(2)]
    found = ranked([*kept, *failed])
    assert "One" not in found.datasets
    assert found.ranks is None
    assert found.reason.endswith("here are 3 methods, and 4 of 5 data sets are complete")
    assert "One left out: FAlg: oom: needs 7 TiB" in found.remarks
    assert f"{found.reason}." in ranks_page(found).lines


def test_scores_are_means_over_the_seeds_that_all_have(record: Factory, five_columns: list[Record]) -> None:
    found = ranked([*five_columns, record("fcmi", "one", 7, nmi=0.9)])
    column = found.datasets.index("One")
    assert found.means[column][found.methods.index("FCMI")] == pytest.approx(30.5)
    assert "One, FCMI: seeds that not all have: 7" in found.remarks


def test_ranks_that_agree_say_so(record: Factory) -> None:
    same = [record(m, name, 0, nmi=0.5) for m in ("fcmi", "falg", "kmeans") for name in DATASETS]
    lines = ranks_page(ranked(same)).lines
    assert lines[0] == "Every data set ranks all methods equal: there is nothing to test."
    assert "to be left alone" in lines[1]


def test_written_forms(four_seeds: list[Record], five_columns: list[Record]) -> None:
    found = pair(four_seeds, "fcmi", "kmeans")
    plain = json.loads(versus_json(found))
    assert plain["counts"] == {"win": 1, "tie": 0, "loss": 0, "open": 0}
    assert plain["datasets"][0]["difference"]["seeds"] == [0, 1, 2, 3]
    lines = [" ".join(line.split()) for line in versus_markdown(pair_page(found)).splitlines()]
    assert "| One | 84.0 | 81.0 | +3.00 | +0.09 to +5.91 | 4 | win |" in lines
    assert json.loads(versus_json(ranked(five_columns)))["ranks"]["average"] == pytest.approx([2.8, 2.0, 1.2])
