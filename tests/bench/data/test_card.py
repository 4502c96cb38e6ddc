"""The card of a data set: counts and metrics by hand, and every line within eighty columns."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from bench.data.card import class_by_group, dataset_card, kmeans_on_input, prepared_data
from bench.data.store import Store
from bench.errors import UnknownNameError
from bench.registry import Entry, Registry
from bench.reporting.card_text import WIDTH, card_text

BUILT_IN = Registry().datasets
NOWHERE = Store(())
HERE = Store.default(download=False)


def text(card: dict) -> str:
    console = Console(width=WIDTH, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(card_text(card))
        return console.export_text()


@pytest.fixture
def made_up(write_plugin):
    """A data set written down: 6 samples in 2 well separated classes and 2 groups."""

    def entry(body: str = "", files: str = "()") -> Entry:
        folder = write_plugin(
            "made_up",
            f"""
            import numpy as np
            from bench.adapters import Dataset, FairData
            from bench.metadata import DataFile, DatasetInfo

            class MadeUp(Dataset):
                info = DatasetInfo(name="made_up", title="Made up", target="animal", sensitive="home",
                    reference="Nobody, 2024", doi="10.1/1", licence="CC0", files={files}, notes=("Invented.",))

                def load(self, store):
                    {body or "pass"}
                    X = np.array([[-1, 0], [-1, .1], [-.9, 0], [1, 0], [.9, 0], [1, .1]])
                    return FairData.from_arrays(X, ["cat"] * 3 + ["dog"] * 3, ["town", "farm", "farm"] * 2,
                        note="made from nothing")
            """,
        )
        return Registry([folder]).datasets["made_up"]

    return entry


def test_counts_ceilings_and_kmeans_by_hand(made_up) -> None:
    card = dataset_card(made_up(), NOWHERE)
    assert card["status"] == "ready"
    assert (card["n"], card["shape"], card["k"], card["n_groups"]) == (6, [6, 2], 2, 2)
    assert card["group sizes"] == {"farm": 4, "town": 2}
    assert card["class sizes"] == {"cat": 3, "dog": 3}
    assert card["class x group"] == {"cat": [2, 1], "dog": [2, 1]}
    assert card["ceilings (true labels)"]["balance"] == card["ceilings (true labels)"]["balance_ceiling"] == 0.5
    assert card["ceilings (true labels)"]["mnce"] == pytest.approx(1.0)
    assert card["k-means on the input"]["acc"] == 1.0
    assert card["note"] == "made from nothing"
    # What JSON cannot say would be written as NaN.
    json.loads(json.dumps(card), parse_constant=pytest.fail)


def test_text_says_it_all(made_up) -> None:
    shown = text(dataset_card(made_up(), NOWHERE))
    for part in ("Made up (made_up)", "animal", "home", "Nobody, 2024", "10.1/1", "CC0", "Invented.", "from nothing"):
        assert part in shown
    assert "n = 6 samples of 2 features, K = 2 clusters, T = 2 groups" in shown
    lines = [line.split() for line in shown.splitlines()]
    assert ["farm", "town", "all"] in lines
    assert ["cat", "2", "1", "3"] in lines
    assert ["all", "4", "2", "6"] in lines
    assert ["true", "labels", "100.00", "100.00", "50.00", "100.00", "100.00", "100.00", "100.00"] in lines
    assert "Balance ceiling: 50.00" in shown


def test_missing_files_are_told_with_what_to_do(made_up) -> None:
    file = 'DataFile("made_up/x.npz", "https://example.org/x.npz", what="what X is"),'
    card = dataset_card(made_up("store.locate(self.info.files[0])", f"({file})"), NOWHERE)
    assert "https://example.org/x.npz" in card["status"]
    assert [(line["path"], line["state"]) for line in card["files"]] == [("made_up/x.npz", "missing")]
    assert "class x group" not in card
    shown = text(card)
    assert shown.count("what X is") == 1
    assert "BENCH_DATA" in shown
    assert "Nobody, 2024" in shown


def test_files_that_are_there_are_ready(made_up, tmp_path: Path) -> None:
    (tmp_path / "made_up").mkdir()
    (tmp_path / "made_up" / "b.npz").write_bytes(b"b")
    files = '(DataFile("made_up/a.npz", "https://example.org/a", instead=((DataFile("made_up/b.npz", ""),),)),)'
    card = dataset_card(made_up("store.locate(self.info.files[0])", files), Store((tmp_path,)))
    assert card["files"][0]["state"] == card["status"] == "ready"
    assert card["files"][0]["used"] == ["made_up/b.npz"]
    assert "ready: made_up/a.npz; in its place made_up/b.npz" in text(card)


def test_parameters_change_the_card() -> None:
    card = dataset_card(BUILT_IN["blobs"], NOWHERE, {"n": 90, "k": 5})
    assert (card["n"], card["k"], card["parameters"]["n"]) == (90, 5, 90)
    with pytest.raises(UnknownNameError, match="unknown parameter of blobs 'm'"):
        dataset_card(BUILT_IN["blobs"], NOWHERE, {"m": 1})


@pytest.mark.parametrize(
    "params",
    [
        {"k": 6, "n_groups": 30, "n": 900},
        {"k": 40, "n_groups": 40, "n": 4000},
        {"k": 200, "n_groups": 2, "n": 1000},
        {"k": 1, "n_groups": 1, "n": 20},
    ],
)
def test_every_line_fits_eighty_columns_and_no_group_is_lost(params: dict[str, int]) -> None:
    card = dataset_card(BUILT_IN["blobs"], NOWHERE, params)
    lines = [line.rstrip() for line in text(card).splitlines()]
    assert max(map(len, lines)) <= WIDTH
    totals = [int(part.replace(",", "")) for line in lines if line.startswith("all") for part in line.split()[1:]]
    assert sum(totals) == 2 * params["n"]
    hidden = [line for line in lines if "rows are not shown" in line]
    assert [line.split()[0] for line in hidden] == (["141"] if params["k"] == 200 else [])


def test_long_names_are_folded() -> None:
    card = dataset_card(BUILT_IN["blobs"], NOWHERE, {"n": 60})
    card["group sizes"] = {"x" * 70: 30, "y" * 70: 30}
    card["class x group"] = {name * 70: [10, 10] for name in "abc"}
    shown = text(card)
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= WIDTH
    assert shown.count("x") >= 70


def test_kmeans_on_many_samples_is_fitted_on_some_and_scored_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    data = prepared_data(BUILT_IN["blobs"], NOWHERE, {"n": 2000, "separation": 40.0})
    whole, how = kmeans_on_input(data)
    assert "fitted on" not in how
    monkeypatch.setattr("bench.data.card._FITTED_ON", 500)
    some, how = kmeans_on_input(data)
    assert "fitted on 500 samples" in how
    assert some == whole
    assert kmeans_on_input(data) == (some, how)


def test_class_by_group_without_classes_has_one_row(write_plugin) -> None:
    folder = write_plugin(
        "bare",
        """
        from bench.adapters import Dataset, FairData
        from bench.metadata import DatasetInfo

        class Bare(Dataset):
            info = DatasetInfo(name="bare", title="Bare", target="", sensitive="s")

            def load(self, store):
                return FairData.from_arrays([[0.0], [1.0], [2.0]], None, ["a", "b", "a"], k=2)
        """,
    )
    entry = Registry([folder]).datasets["bare"]
    assert class_by_group(prepared_data(entry, NOWHERE)).tolist() == [[2, 1]]
    card = dataset_card(entry, NOWHERE)
    assert card["ceilings (true labels)"]["acc"] is None
    assert card["ceilings (true labels)"]["balance_ceiling"] == 0.5
    assert "class x group" not in card
    assert "true labels" not in text(card)


CEILINGS = {
    # Balance ceiling, Balance and MNCE of the true labels, all in percent.
    "mnist_usps": (12.15, 9.26, 84.62),
    "reverse_mnist": (100.0, 100.0, 100.0),
    "har": (68.70, 48.42, 99.68),
    "office31": (28.22, 14.63, 72.46),
    "mtfl": (100.0, 100.0, 100.0),
    "mouse_atlas": (64.05, 8.91, 42.33),
}


@pytest.mark.parametrize("name", CEILINGS)
def test_the_papers_data_sets_have_the_ceilings_they_are_known_by(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name not in BUILT_IN:
        pytest.skip(f"there is no data set {name}")
    # Minutes of k-means belong to the data sets' own tests.
    monkeypatch.setattr("bench.data.card.kmeans_on_input", lambda data: ({}, ""))
    card = dataset_card(BUILT_IN[name], HERE)
    if card["status"] != "ready":
        pytest.skip(f"BENCH_DATA lacks the files of {name}")
    limits = card["ceilings (true labels)"]
    found = tuple(round(100 * limits[key], 2) for key in ("balance_ceiling", "balance", "mnce"))
    assert found == CEILINGS[name]
    assert max(len(line.rstrip()) for line in text(card).splitlines()) <= WIDTH
