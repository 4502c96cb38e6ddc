"""Parameter settings ranked without labels."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench.tuning
from bench.errors import InvalidInputError, ResultsError, UnknownNameError
from bench.plan import run_key
from bench.record import Record, RunSpec, pack_labels
from bench.records import RecordStore
from bench.tracking.fields import tags
from bench.tuning import Ranking, known_objective, mark, rank_settings

GROUPS = np.array([0, 1, 0, 1])
POINTS = np.array([[0.0], [0.0], [4.0], [4.0]], dtype=np.float32)
FAR = [0, 0, 1, 1]
NEAR = [0, 1, 0, 1]


def run(alpha: float, labels: list[int], seed: int = 0, **fields: Any) -> Record:
    spec = RunSpec(
        method="fcmi",
        method_params={"alpha": alpha, "epochs": 2},
        method_source="s",
        dataset="har",
        dataset_params={},
        data_hash="d",
        seed=seed,
        protocol=1,
    )
    return Record(**{"key": run_key(spec), "spec": spec, "status": "ok", "labels": pack_labels(labels), **fields})


def ranked(records: list[Record], objective: str = "label_free", points: Any = POINTS) -> Ranking:
    return rank_settings(records, sensitive=GROUPS, embedding=lambda _key: points, objective=known_objective(objective))


def logged(clusters_given_groups: float, groups_and_clusters: float) -> list[dict[str, float | None]]:
    return [{"epoch": 0.0, "mi_xc_given_g": clusters_given_groups, "mi_gc": groups_and_clusters}]


def test_measures_of_a_case_worked_by_hand() -> None:
    # FAR follows the points and is independent of the groups; NEAR is the groups, with clusters of two far points.
    found = ranked([run(1, NEAR), run(2, FAR)])
    best, worst = found.candidates
    assert (best.params, worst.params) == ({"alpha": 2}, {"alpha": 1})
    assert best.values == pytest.approx({"silhouette": 1.0, "information": np.log(2)})
    # A point of NEAR has one at distance 4 in its own cluster, and 0 and 4 in the other: (2 - 4) / 4.
    assert worst.values == pytest.approx({"silhouette": -0.5, "information": -np.log(2)})
    assert (best.rank, worst.rank) == (1.0, 2.0)
    assert found.chosen is best
    assert found.how == "by label_free (silhouette, information) without labels over 2 settings"


def test_stability_is_the_agreement_of_seeds() -> None:
    renamed, independent = [1, 1, 0, 0], NEAR
    found = ranked([run(1, FAR), run(1, independent, 1), run(2, FAR), run(2, renamed, 1)], "stability")
    assert [(one.params["alpha"], one.values["stability"]) for one in found.candidates] == [(2, 1.0), (1, 0.0)]
    assert found.how == "by stability without labels over 2 settings"


def test_information_is_the_logged_one_where_every_run_has_it() -> None:
    one, other = run(1, FAR, history=logged(0.5, 0.25)), run(2, NEAR, history=logged(1.5, 0.25))
    assert [c.values["information"] for c in ranked([one, other], "information").candidates] == [1.25, 0.25]
    # Soft and hard assignments do not compare.
    mixed = ranked([one, other.model_copy(update={"history": []})], "information")
    assert [c.values["information"] for c in mixed.candidates] == pytest.approx([np.log(2), -np.log(2)])


def test_a_collapse_does_not_win_by_having_no_silhouette() -> None:
    found = ranked([run(1, [0, 0, 0, 0]), run(2, NEAR)], "silhouette")
    assert [one.values["silhouette"] for one in found.candidates] == [-0.5, -1.0]


def test_settings_with_a_failed_seed_are_listed_last_and_take_no_part() -> None:
    failed = run(1, FAR, 1, status="timeout", reason="took too long")
    found = ranked([run(1, FAR), failed, run(2, NEAR), run(2, NEAR, 1)])
    assert found.chosen.params == {"alpha": 2}
    last = found.candidates[-1]
    assert (last.rank, last.n, last.requested, last.problem) == (None, 1, 2, "timeout: took too long")
    with pytest.raises(ResultsError, match="none of 1 settings has ended well with all seeds; first timeout"):
        ranked([run(1, FAR), failed])


def test_ties_share_a_rank_and_the_first_of_the_grid_is_taken() -> None:
    found = ranked([run(3, FAR), run(1, FAR), run(2, NEAR)])
    assert [(one.params["alpha"], one.rank) for one in found.candidates] == [(3, 1.5), (1, 1.5), (2, 3.0)]


def test_an_embedding_that_is_missing_broken_or_of_other_data_is_none() -> None:
    for points in (None, np.full((4, 1), np.inf), POINTS[:3]):
        found = ranked([run(1, FAR), run(2, NEAR)], points=points)
        assert found.how == "by label_free (information) without labels over 2 settings"
        with pytest.raises(InvalidInputError, match="needs an embedding of every run, and fcmi does not leave one"):
            ranked([run(1, FAR), run(2, NEAR)], "silhouette", points)


def test_what_cannot_be_ranked_by_says_so() -> None:
    with pytest.raises(InvalidInputError, match="stability compares seeds, and there is one; give several"):
        ranked([run(1, FAR), run(2, NEAR)], "stability")
    with pytest.raises(UnknownNameError, match="Did you mean 'silhouette'"):
        known_objective("silhouete")


def test_many_samples_are_thinned_out_alike_for_all_runs() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=5000).tolist()
    points = (np.array(labels) * 9 + rng.normal(size=5000)).astype(np.float32)[:, None]
    records = [run(1, labels), run(2, labels)]
    found = rank_settings(records, sensitive=np.arange(5000) % 2, embedding=lambda _key: points, objective="silhouette")
    first, second = (one.values["silhouette"] for one in found.candidates)
    assert first == second
    assert 0.7 < first < 1


def test_nothing_here_can_see_classes_or_scores() -> None:
    tree = ast.parse(Path(bench.tuning.__file__).read_text(encoding="utf-8"))
    imported = {
        (node.module, alias.name) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    ours = {pair for pair in imported if str(pair[0]).startswith("bench")}
    assert {module for module, _ in ours} == {
        "bench.errors",
        "bench.metrics.contingency",
        "bench.metrics.entropy",
        "bench.record",
        "bench.records",
        "bench.selection",
    }
    assert ("sklearn.metrics", "silhouette_score") in imported
    assert {name for module, name in imported if str(module).startswith("sklearn")} == {"silhouette_score"}
    touched = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not touched & {"y", "metrics", "published", "load"}


def test_marks_are_kept_and_leave_other_records_as_they_were(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    store.prepare()
    plain, chosen = run(1, FAR, metrics={"acc": 0.5}), run(2, FAR)
    for record in (plain, chosen):
        store.write(record)
    before = store.path(plain.key).read_bytes()
    mark({chosen.key: "parameters chosen by hand", "0" * 64: "never run"}, store)
    assert store.read(chosen.key) == chosen.model_copy(update={"tuned": "parameters chosen by hand"})
    assert store.path(plain.key).read_bytes() == before
    assert b"tuned" not in before
    assert tags(chosen.model_copy(update={"tuned": "a note"}))["bench.tuned"] == "a note"
    assert "bench.tuned" not in tags(plain)
