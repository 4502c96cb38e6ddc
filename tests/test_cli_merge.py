"""`bench merge`, `bench rescore` and `bench table --allow-mixed`, in process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.plan import run_key
from bench.record import Record, pack_labels
from bench.records import RecordStore

RUN = ("run", "--tracking-uri", "none", "--datasets", "blobs", "--quiet")


@pytest.fixture
def ran(cli, results: Path) -> Path:
    """A results folder with the runs of two methods."""
    assert cli(*RUN, "--methods", "random,one_cluster", "--results", results).code == 0
    return results


def of(results: Path, method: str) -> Record:
    (found,) = [record for record in RecordStore(results) if record.spec.method == method]
    return found


def moved(record: Record, **spec: object) -> Record:
    """The same run on other data or under other rules."""
    changed = record.spec.model_copy(update=spec)
    return record.model_copy(update={"spec": changed, "key": run_key(changed)})


def test_folders_and_packed_files_become_one(cli, ran: Path, tmp_path: Path) -> None:
    packed, whole = tmp_path / "packed.jsonl", tmp_path / "whole"
    assert cli("pack", "--out", packed, "--results", ran).code == 0
    done = cli("merge", packed, ran, "--results", whole)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"2 new, 0 replaced, 2 same, 0 conflicts; records in {whole / 'records'}\n"
    assert {path.name for path in (whole / "records").iterdir()} == {path.name for path in (ran / "records").iterdir()}
    # Nothing is left to run.
    assert cli(*RUN, "--methods", "random,one_cluster", "--results", whole).code == 0
    assert [r.ended for r in RecordStore(whole)] == [r.ended for r in RecordStore(ran)]


def test_a_conflict_is_listed_and_counted(cli, ran: Path, tmp_path: Path) -> None:
    held = of(ran, "random")
    later = held.model_copy(update={"labels": pack_labels([0] * 500), "ended": "2999-01-01T00:00:00.000+00:00"})
    other = RecordStore(tmp_path / "other")
    other.prepare()
    other.write(later)
    listed = (
        f"conflict: random on blobs, seed 0: other labels, that of {later.ended} stays, "
        f"that of {held.ended} is kept in {ran / 'conflicts'}"
    )
    for counts in ("0 same, 1 conflicts", "1 same, 0 conflicts"):
        done = cli("merge", other.folder, "--results", ran)
        assert done.out.startswith(f"0 new, 0 replaced, {counts}; ")
        assert listed in done.out
    assert of(ran, "random") == later
    status = json.loads(cli("status", "--results", ran, "--format", "json").out)
    assert (status["conflicts"], status["counts"]) == (1, {"ok": 2})
    assert "1 more in conflict" in cli("status", "--results", ran).out


@pytest.mark.filterwarnings("always")
def test_unreadable_records_are_named(cli, ran: Path, tmp_path: Path) -> None:
    torn = RecordStore(ran).path(of(ran, "random").key)
    torn.write_text(torn.read_text()[:-9])
    done = cli("merge", ran, "--results", tmp_path / "whole")
    assert done.code == 0
    assert f"bench: record {torn} cannot be read" in done.err
    assert done.out.startswith("1 new, 0 replaced, 0 same, 0 conflicts; ")


def test_mistakes_are_one_line(cli, ran: Path, tmp_path: Path) -> None:
    for arguments, told in (
        (("merge", tmp_path / "nowhere"), "no results folder"),
        (("merge", ran, "--results", tmp_path / "x.jsonl"), "takes a folder"),
        (("rescore", "--results", tmp_path / "nowhere"), "there are no records"),
    ):
        done = cli(*arguments, *(() if "--results" in arguments else ("--results", tmp_path / "new")))
        assert (done.code, done.out) == (2, "")
        assert told in done.err
        assert done.err.count("\n") == 1
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "nowhere").exists()


def test_a_run_has_the_metrics_that_scoring_it_again_gives(cli, ran: Path) -> None:
    assert cli(*RUN, "--methods", "truth", "--results", ran).code == 0
    done = cli("rescore", "--results", ran)
    assert (done.code, done.out) == (0, f"0 changed, 3 same, 0 left; records in {ran / 'records'}\n")


def test_outdated_metrics_are_renewed_and_missing_data_told(cli, ran: Path) -> None:
    right, store = of(ran, "random"), RecordStore(ran)
    store.write(right.model_copy(update={"metrics": {"acc": 0.123}}))
    store.write(moved(of(ran, "one_cluster"), data_hash="f" * 64))
    done = cli("rescore", "--results", ran)
    assert done.out.startswith("1 changed, 1 same, 1 left; ")
    assert done.err == (
        "bench: 1 left, blobs: the data on this machine are not those of the records (their content hash is another)\n"
    )
    assert of(ran, "random") == right


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"data_hash": "f" * 64}, "on 2 versions of the data ("),
        ({"protocol": 2}, "under 2 protocol versions (1: one_cluster; 2: random)"),
    ],
)
def test_mixed_columns_are_refused_unless_allowed(cli, ran: Path, change: dict[str, object], told: str) -> None:
    store, old = RecordStore(ran), of(ran, "random")
    store.write(moved(old, **change))
    store.path(old.key).unlink()
    refused = cli("table", "--results", ran)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("bench: data set 'blobs' has runs ")
    assert told in refused.err
    assert "--allow-mixed" in refused.err
    assert refused.err.count("\n") == 1
    allowed = cli("table", "--results", ran, "--allow-mixed", "--format", "markdown")
    assert allowed.code == 0
    assert f"Holds runs {told}" in allowed.out
    assert "which do not compare" in allowed.out
    alone = cli("table", "--results", ran, "--methods", "random", "--format", "markdown")
    assert alone.code == 0
    assert "do not compare" not in alone.out


def test_runs_without_numbers_mix_nothing(cli, ran: Path) -> None:
    missing = {"status": "missing-data", "metrics": {}, "labels": "", "reason": "no data"}
    store, old = RecordStore(ran), of(ran, "random")
    store.write(moved(old, data_hash="missing").model_copy(update=missing))
    store.path(old.key).unlink()
    assert cli("table", "--results", ran).code == 0
