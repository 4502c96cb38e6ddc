from __future__ import annotations

from collections.abc import Callable

from bench.record import Record
from bench.reporting.model import Table

Build = Callable[..., Table]
Make = Callable[..., Record]


def test_parameters_seeds_and_device_of_every_row_are_said(record: Make, table_of: Build) -> None:
    params = {"batch_size": 128, "epochs": 30}
    table = table_of(*(record("fcmi", seed=seed, params=params, acc=0.5) for seed in range(3)))
    assert table.runs[0] == "FCMI: epochs=30, batch_size=128; seeds 0-2; cpu"


def test_defaults_are_left_out_but_for_the_epochs(record: Make, table_of: Build) -> None:
    run = record("fcmi", params={"alpha": 0.04, "beta": 0.5, "epochs": 300}, acc=0.5)
    table = table_of(run, defaults={"fcmi": {"alpha": 0.04, "beta": 0.2, "epochs": 300}})
    assert table.runs[0] == "FCMI: epochs=300, beta=0.5; seed 0; cpu"


def test_all_defaults_are_said_in_a_word(record: Make, table_of: Build) -> None:
    table = table_of(record(params={"n_init": 10}, acc=0.5), defaults={"kmeans": {"n_init": 10}})
    assert table.runs[0] == "k-means: default parameters; seed 0; cpu"


def test_seeds_are_ranges_and_told_by_data_set_where_they_differ(record: Make, table_of: Build) -> None:
    table = table_of(
        *(record("fcmi", "digits", seed, acc=0.5) for seed in (0, 1, 2, 9116)), record("fcmi", "blobs", 5, acc=0.5)
    )
    assert table.runs[0] == "FCMI: seed 5 on Blobs; seeds 0-2, 9116 on Digits; cpu"


def test_devices_are_kinds(record: Make, table_of: Build) -> None:
    table = table_of(record(seed=0, device="cuda:1", acc=0.5), record(seed=1, device="cuda:0", acc=0.5))
    assert table.runs[0].endswith("; cuda")


def test_parameters_in_the_label_are_not_said_again(record: Make, table_of: Build) -> None:
    table = table_of(*(record("fcmi", params={"beta": b, "epochs": 5}, acc=0.5) for b in (0.0, 0.2)))
    assert table.runs[:2] == ("FCMI (beta=0.0): epochs=5; seed 0; cpu", "FCMI (beta=0.2): epochs=5; seed 0; cpu")


def test_mixed_versions_of_code_and_data_are_said(record: Make, table_of: Build) -> None:
    table = table_of(
        record("fcmi", seed=0, source="old", acc=0.5),
        record("fcmi", seed=1, source="new", data_hash="other", commit="fedcba9876543210", acc=0.5),
    )
    assert "different versions of its code" in table.runs[0]
    (number,) = table.columns[0].footnotes
    told = "Holds runs on 2 versions of the data (data: fcmi; other: fcmi), which do not compare."
    assert table.footnotes[number - 1] == told
    assert table.head[-1].startswith("From 2 runs; code at commit 0123456789, fedcba9876; cpu; ")


def test_parameters_of_data_sets_are_said(record: Make, table_of: Build) -> None:
    run = record(dataset="blobs", data={"n": 900, "k": 5}, acc=0.5)
    assert "Blobs: k=5, n=900" in table_of(run).runs
    assert "Blobs: n=900" in table_of(run, dataset_defaults={"blobs": {"n": 500, "k": 5}}).runs


def test_the_reference_has_no_line_of_its_own(record: Make, table_of: Build) -> None:
    assert table_of(record("truth", acc=1.0)).runs == ()
