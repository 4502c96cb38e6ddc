"""What stands below a number so that nobody takes it for more than it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.metadata import MethodInfo
from bench.record import Record
from bench.reporting import gaps
from bench.reporting.gaps import Gap, explanation, is_gap, known_gaps
from bench.reporting.model import Table
from bench.reporting.outcomes import unused_clusters
from bench.reporting.protocol import protocol_notes

Build = Callable[..., Table]
Make = Callable[..., Record]

RAW = Gap(method="scfc", datasets=("mnist_usps",), metrics=("acc",), params={"features": "raw"}, note="rows in order")
ANY = Gap(method="scfc", datasets=("mnist_usps", "har"), metrics=("acc", "nmi"), note="input not known")


@pytest.mark.parametrize(
    ("mean", "published", "expected"),
    [(70.0, 75.0, False), (70.0, 75.1, True), (80.2, 75.1, True), (None, 75.1, False), (70.0, None, False)],
)
def test_a_gap_is_more_than_five_points_either_way(mean: float | None, published: float | None, expected: bool) -> None:
    assert is_gap(mean, published) is expected


@pytest.mark.parametrize(
    ("place", "params", "expected"),
    [
        (("scfc", "mnist_usps", "acc"), {"features": "raw"}, "rows in order"),
        (("scfc", "mnist_usps", "acc"), {"features": "ae"}, "input not known"),
        (("scfc", "mnist_usps", "acc"), {}, "input not known"),
        (("scfc", "har", "nmi"), {}, "input not known"),
        (("scfc", "har", "balance"), {}, ""),
        (("falg", "har", "nmi"), {}, ""),
    ],
)
def test_the_first_explanation_that_fits_decides(
    place: tuple[str, str, str], params: dict[str, str], expected: str
) -> None:
    assert explanation(*place, params, (RAW, ANY)) == expected


def test_a_gap_is_explained_at_the_published_number(
    record: Make, table_of: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "known_gaps", lambda: (ANY,))
    # Published: ACC 14.2, NMI 1.3.
    table = table_of(record("scfc", "mnist_usps", acc=0.30, nmi=0.02))
    marks = {
        key: [table.footnotes[number - 1] for number in cell.published_footnotes]
        for (_, _, key), cell in table.cells.items()
    }
    assert marks["acc"] == ["input not known"]
    assert marks["nmi"] == []


def test_the_explanations_that_come_along_name_what_there_is() -> None:
    from bench.metrics import METRICS
    from bench.registry import Registry

    registry = Registry()
    for gap in known_gaps():
        assert registry.get("method", gap.method).info.published_as
        assert all(registry.get("dataset", name).info.published_as for name in gap.datasets)
        assert set(gap.metrics) <= set(METRICS)


def test_unused_clusters_are_told(record: Make, table_of: Build) -> None:
    table = table_of(
        *(record("fcmi", seed=seed, acc=0.5, empty_clusters=count) for seed, count in enumerate((0, 3, 1)))
    )
    (entry,) = table.entries.values()
    assert [table.footnotes[number - 1] for number in entry.footnotes] == ["2 of 3 seeds left 1 to 3 clusters empty"]


def test_controls_leave_clusters_empty_by_design(record: Make, table_of: Build) -> None:
    (entry,) = table_of(record("random", acc=0.5, empty_clusters=9)).entries.values()
    assert entry.footnotes == ()


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((0, 0), ""),
        ((1,), "the run left 1 cluster empty"),
        ((2, 0, 2), "2 of 3 seeds left 2 clusters empty"),
    ],
)
def test_unused_clusters_in_words(record: Make, counts: tuple[int, ...], expected: str) -> None:
    assert unused_clusters([record(seed=seed, empty_clusters=count) for seed, count in enumerate(counts)]) == expected


def test_protocol_flags() -> None:
    plain = MethodInfo("free", "Free", needs_k=False)
    assert protocol_notes(plain, ()) == []
    assert protocol_notes(MethodInfo("random", "Random", family="control", uses_sensitive=True), ()) == []
    told = protocol_notes(MethodInfo("dfdc", "DFDC", uses_sensitive=True, status="reconstructed"), ("original",))
    assert [note.split()[0] for note in told] == ["Given", "Uses", "Reconstructed:", "Original"]


def test_backbone_of_the_runs_is_a_footnote(record: Make, table_of: Build) -> None:
    rows = [record("fcmi", params={"backbone": name}, acc=0.5) for name in ("matched", "original")]
    table = table_of(*rows)
    told = {row.label: [table.footnotes[number - 1] for number in row.footnotes] for row in table.rows}
    assert [note.startswith("Matched backbone") for note in told["FCMI (backbone=matched)"]] == [False, True]
    assert [note.startswith("Original backbone") for note in told["FCMI (backbone=original)"]] == [False, True]
