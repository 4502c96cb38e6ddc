"""What is committed under results/ is what the records say."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"
PACKED = sorted((RESULTS / "records").glob("*.jsonl"))


def test_tables_are_rebuilt_byte_for_byte(cli, tmp_path: Path) -> None:
    assert cli("tables", "--records", RESULTS / "records", "--out", tmp_path).code == 0
    rebuilt = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in (RESULTS / "tables").iterdir()}
    assert sorted(rebuilt) == sorted(committed), "run `make tables`, and remove what it does not write"
    assert [name for name in rebuilt if rebuilt[name] != committed[name]] == [], "run `make tables`"


@pytest.mark.parametrize("packed", PACKED, ids=lambda path: path.stem)
def test_committed_records_come_from_committed_code(packed: Path) -> None:
    from bench.records import RecordFile

    records = list(RecordFile(packed))
    assert records
    assert not [record.key for record in records if record.dirty or not record.commit]


@pytest.mark.parametrize("packed", PACKED, ids=lambda path: path.stem)
def test_every_gap_to_a_published_value_is_explained(packed: Path) -> None:
    from bench.records import RecordFile
    from bench.registry import Registry
    from bench.reporting.cells import build_table
    from bench.reporting.gaps import is_gap

    registry = Registry()
    infos = [{name: entry.info for name, entry in kind.items()} for kind in (registry.methods, registry.datasets)]
    table = build_table(RecordFile(packed).current(), methods=infos[0], datasets=infos[1])
    bare = [
        f"{cell.method} on {cell.dataset}, {cell.metric}: {cell.mean:.1f}, published {cell.published}"
        for cell in table.cells.values()
        if is_gap(cell.mean, cell.published) and not cell.published_footnotes
    ]
    assert not bare


def test_the_demo_shows_what_it_is_for() -> None:
    """FCMI's F_beta is 30 points above that of the auto-encoder alone, at an ACC that is not below."""
    from bench.records import RecordFile

    scores: dict[str, list[dict[str, float]]] = {}
    for record in RecordFile(RESULTS / "records" / "demo.jsonl"):
        if record.spec.dataset == "mnist_optdigits":
            scores.setdefault(record.spec.method, []).append(record.metrics)

    def mean(method: str, metric: str) -> float:
        return sum(row[metric] for row in scores[method]) / len(scores[method])

    assert mean("fcmi", "f_beta") > mean("ae_kmeans", "f_beta") + 0.30
    assert mean("fcmi", "acc") > mean("ae_kmeans", "acc")
