"""The table at a glance: what it keeps of the whole one, and what it says of gaps."""

from __future__ import annotations

import re
from collections.abc import Callable

from bench.record import Record
from bench.reporting.model import Table
from bench.reporting.render import render

Make = Callable[..., Record]
Build = Callable[..., Table]


def listed(text: str, title: str) -> list[str]:
    (block,) = re.findall(rf"{title}:\n\n((?:- .*\n)+)", text)
    return block.splitlines()


def test_it_shows_the_last_metric(record: Make, table_of: Build) -> None:
    runs = [record("fcmi", "har", seed, acc=0.1, f_beta=0.5 + 0.1 * seed) for seed in (2, 0)]
    text = render(table_of(*runs, metrics=("acc", "f_beta")), "overview")
    assert "**F_β**" in text
    assert "**60.0** ±14.1 <sub>n=2</sub>" in text
    assert "10.0" not in text
    assert listed(text, "Seed by seed") == ["- FCMI: HAR 50.0, 70.0 (seeds 0, 2)"]


def test_seeds_that_agree_in_print_are_not_listed(record: Make, table_of: Build) -> None:
    runs = [record("fcmi", "har", seed, f_beta=0.5 + 1e-5 * seed) for seed in range(3)]
    assert "Seed by seed" not in render(table_of(*runs), "overview")


def test_every_place_without_a_number_has_its_reason_once(record: Make, table_of: Build) -> None:
    runs = [
        record("fcmi", "har", f_beta=0.5),
        record("kmeans", "har", f_beta=0.5),
        record("scfc", "har", status="not-applicable", reason="takes 2 groups"),
        *(record(method, "blobs", status="missing-data", reason="no file") for method in ("fcmi", "kmeans", "scfc")),
        record("kmeans", "digits", f_beta=0.5),
    ]
    text = render(table_of(*runs), "overview")
    assert listed(text, "Without a number") == [
        "- missing-data: no file: Blobs (all rows)",
        "- not run: Digits (ScFC, FCMI)",
        "- not-applicable: takes 2 groups: HAR (ScFC)",
    ]


def test_a_count_is_not_in_percent(record: Make, table_of: Build) -> None:
    text = render(table_of(record("fcmi", "har", empty_clusters=2.0), metrics=("empty_clusters",)), "overview")
    assert "in percent" not in text
    assert "**2.0** <sub>n=1</sub>" in text


def test_verdicts_are_explained_where_there_are_any(record: Make, table_of: Build) -> None:
    compared = render(table_of(record("fcmi", "har", f_beta=0.5)), "overview")
    assert "<sub>89.0 ?</sub>" in compared
    assert "= reproduced" in compared
    assert "= reproduced" not in render(table_of(record("kmeans", "digits", f_beta=0.5)), "overview")
