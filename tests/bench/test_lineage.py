"""What is told of a cell: the same figures as the table's, and where they come from."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench.errors import ResultsError, UnknownNameError
from bench.lineage import explain
from bench.lineage_model import Figure, Lineage, Variant
from bench.plan import resolve_params
from bench.record import Record, RunSpec
from bench.records import RecordFile, RecordStore
from bench.registry import Registry

FALG = resolve_params(Registry().get("method", "falg"), {})
MTFL = resolve_params(Registry().get("dataset", "mtfl"), {})
PACKED = Path(__file__).resolve().parents[2] / "results" / "records" / "paper.jsonl"


def key_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def record(seed: int = 0, *, key: str = "", acc: float | None = None, **changes: Any) -> Record:
    spec = {
        "method": "falg",
        "method_params": FALG,
        "method_source": "m",
        "dataset": "mtfl",
        "dataset_params": MTFL,
        "data_hash": "d",
        "protocol": 1,
    }
    spec.update({name: changes.pop(name) for name in list(changes) if name in spec})
    fields = {"status": "ok", "metrics": {} if acc is None else {"acc": acc}, "ended": f"2026-01-01T00:00:0{seed}"}
    key = key or f"{spec['method']}-{spec['dataset']}-{seed}"
    return Record(**{"key": key_of(key), "spec": RunSpec(**spec, seed=seed), **fields, **changes})


def folder(tmp_path: Path, *records: Record) -> Path:
    store = RecordStore(tmp_path / "results")
    store.prepare()
    for one in records:
        store.write(one)
    return store.folder


def traced(results: Path, method: str = "falg", dataset: str = "mtfl", metrics: tuple[str, ...] = ("acc",)) -> Lineage:
    return explain(results, method, dataset, Registry(), metrics)


def only(found: Lineage) -> tuple[Variant, Figure]:
    (variant,) = found.variants
    (figure,) = variant.figures
    return variant, figure


def test_mean_and_sample_deviation_over_the_runs_that_are_listed(tmp_path: Path) -> None:
    results = folder(tmp_path, *(record(seed, acc=acc) for seed, acc in enumerate((0.2, 0.4, 0.9))))
    variant, figure = only(traced(results))
    # Deviations -30, -10, 40 from the mean 50: variance 2600 / 2.
    assert (figure.mean, figure.std, figure.n) == (pytest.approx(50.0), pytest.approx(1300**0.5), 3)
    assert [(run.seed, run.metrics) for run in variant.runs] == [
        (seed, {"acc": pytest.approx(value)}) for seed, value in enumerate((20.0, 40.0, 90.0))
    ]


def test_a_failed_seed_is_listed_with_its_reason_and_without_a_value(tmp_path: Path) -> None:
    failed = record(1, status="timeout", reason="no end after 60 s")
    variant, figure = only(traced(folder(tmp_path, record(0, acc=0.5), failed)))
    assert (variant.n, variant.requested, figure.n, figure.std) == (1, 2, 1, None)
    assert (variant.runs[1].status, variant.runs[1].reason) == ("timeout", "no end after 60 s")
    assert variant.runs[1].metrics == {"acc": None}
    # The runs say it themselves.
    assert not any("no end" in remark for remark in variant.remarks)


def test_a_gap_is_explained_and_a_close_value_is_not(tmp_path: Path) -> None:
    # Published: FAlg on MTFL has ACC 63.2.
    _, far = only(traced(folder(tmp_path / "far", record(acc=0.8))))
    _, near = only(traced(folder(tmp_path / "near", record(acc=0.63))))
    assert (far.published, far.gap, near.published, near.gap) == (63.2, True, 63.2, False)
    assert "delta = 0.2 keeps Balance" in far.explanation
    assert (near.explanation, near.doubts) == ("", ())


def test_a_doubtful_published_value_carries_its_doubt(tmp_path: Path) -> None:
    results = folder(tmp_path, record(metrics={"mnce": 0.96}))
    found = traced(results, metrics=("mnce",))
    _, figure = only(found)
    assert (figure.published, figure.gap) == (96.3, False)
    assert ["Balance 60.1" in doubt for doubt in figure.doubts] == [True]
    assert "CVPR 2023" in found.published_source


def test_other_data_than_the_papers_have_no_published_value(tmp_path: Path) -> None:
    found = traced(folder(tmp_path, record(acc=0.6, dataset_params={**MTFL, "scaling": "unit"})))
    variant, figure = only(found)
    assert (figure.published, found.published_source) == (None, "")
    assert variant.dataset_params.changed == {"scaling": "unit"}


def test_parameters_that_are_not_the_default_are_named_with_it(tmp_path: Path) -> None:
    params = {**FALG, "delta": 0.05, "n_clusters": 3}
    variant, _ = only(traced(folder(tmp_path, record(acc=0.6, method_params=params))))
    assert variant.method_params.changed == {"delta": 0.05, "n_clusters": 3}
    # Without a number of clusters the data decide: there is no default to name.
    assert variant.method_params.defaults == {"delta": 0.2}
    assert variant.method_params.values == params


def test_a_list_in_a_record_is_the_tuple_of_the_adapter(tmp_path: Path) -> None:
    params = resolve_params(Registry().get("method", "vfc"), {})
    results = folder(tmp_path, record(acc=0.6, method="vfc", method_params=params))
    variant, _ = only(traced(results, "vfc"))
    assert isinstance(variant.method_params.values["grid"], list)
    assert variant.method_params.changed == {}


def test_variants_come_one_after_the_other_under_the_labels_of_the_table(tmp_path: Path) -> None:
    results = folder(
        tmp_path,
        *(record(seed, key=f"a{seed}", acc=0.5, method_params={**FALG, "delta": 0.1}) for seed in range(2)),
        record(0, key="b", acc=0.7),
    )
    first, second = traced(results).variants
    assert (first.method, second.method) == ("FAlg (delta=0.1)", "FAlg (delta=0.2)")
    assert [run.key for run in first.runs] == [key_of("a0"), key_of("a1")]
    assert [run.key for run in second.runs] == [key_of("b")]


def test_variants_are_in_the_order_of_the_table(tmp_path: Path) -> None:
    # As text, 10 would come before 9.
    held = [record(0, key=f"n{n}", acc=0.5, method_params={**FALG, "n_init": n}) for n in (10, 9)]
    assert [variant.method for variant in traced(folder(tmp_path, *held)).variants] == [
        "FAlg (n_init=9)",
        "FAlg (n_init=10)",
    ]


def test_a_replaced_record_is_kept_apart_from_the_figures(tmp_path: Path) -> None:
    old = record(0, key="old", acc=0.1, method_source="before", ended="2025-01-01")
    variant, figure = only(traced(folder(tmp_path, old, record(0, key="new", acc=0.6))))
    assert figure.mean == pytest.approx(60.0)
    assert [run.key for run in variant.runs] == [key_of("new")]
    assert [(run.key, run.metrics["acc"]) for run in variant.earlier] == [(key_of("old"), pytest.approx(10.0))]


def test_seeds_that_should_not_share_a_mean_are_remarked_on(tmp_path: Path) -> None:
    results = folder(
        tmp_path,
        record(0, acc=0.6, dirty=True),
        record(1, acc=0.6, method_source="other", data_hash="other", protocol=2),
    )
    variant, _ = only(traced(results))
    text = "\n".join(variant.remarks)
    for said in ("method's code", "versions of the data", "harness's rules", "1 of 2 runs had changes"):
        assert said in text
    alike, _ = only(traced(folder(tmp_path / "alike", record(0, acc=0.6), record(1, acc=0.6))))
    assert alike.remarks == ()


def test_empty_clusters_are_remarked_on(tmp_path: Path) -> None:
    variant, _ = only(traced(folder(tmp_path, record(metrics={"acc": 0.6, "empty_clusters": 1.0}))))
    assert variant.remarks == ("the run left 1 cluster empty",)


def test_notes_and_flags_of_method_and_data(tmp_path: Path) -> None:
    variant, _ = only(traced(folder(tmp_path, record(acc=0.6, data_note="made from these files"))))
    assert "Uses the sensitive attribute in training." in variant.flags
    assert variant.method_notes == Registry().methods["falg"].info.notes
    assert variant.dataset_notes == (*Registry().datasets["mtfl"].info.notes, "made from these files")


def test_a_log_is_named_where_there_is_one(tmp_path: Path) -> None:
    results = folder(tmp_path, record(0, acc=0.6), record(1, acc=0.6))
    log = RecordStore(results).log_path(key_of("falg-mtfl-1"))
    log.parent.mkdir()
    log.write_text("said\n")
    variant, _ = only(traced(results))
    assert [run.log for run in variant.runs] == ["", str(log)]


def test_a_method_that_is_gone_is_explained_all_the_same(tmp_path: Path) -> None:
    results = folder(tmp_path, record(acc=0.6, method="once_there", method_params={"a": 1}))
    variant, figure = only(traced(results, "Once-There"))
    assert (variant.method, figure.published) == ("once_there", None)
    assert (variant.method_params.changed, variant.method_params.defaults) == ({"a": 1}, None)
    assert (variant.flags, variant.method_notes) == ((), ())


def test_a_method_that_cannot_be_imported_is_explained_all_the_same(tmp_path: Path, write_plugin) -> None:
    plugins = write_plugin("broken", "import not_there\nclass B:\n    info = MethodInfo('b', 'B method')\n")
    results = folder(tmp_path, record(acc=0.6, method="b", method_params={"a": 1}))
    variant, _ = only(explain(results, "b", "mtfl", Registry([plugins]), ("acc",)))
    assert (variant.method, variant.method_params.defaults) == ("B method", None)


def test_the_reference_is_explained(tmp_path: Path) -> None:
    results = folder(tmp_path, record(acc=1.0, method="truth", method_params={}))
    variant, figure = only(traced(results, "truth"))
    assert (variant.method, figure.mean) == ("True labels (reference)", 100.0)


def test_infinite_and_undefined_values_are_no_values(tmp_path: Path) -> None:
    results = folder(tmp_path, record(metrics={"acc": None}), record(1, metrics={"acc": float("inf")}))
    variant, figure = only(traced(results))
    assert (figure.mean, figure.status, figure.reason) == (None, "undefined", "no true labels")
    assert [run.metrics["acc"] for run in variant.runs] == [None, None]


@pytest.mark.parametrize(
    ("method", "dataset", "metric", "said"),
    [
        ("falk", "mtfl", "acc", "unknown method 'falk'. Did you mean 'falg'?"),
        ("falg", "mtfk", "acc", "unknown data set 'mtfk'. Did you mean 'mtfl'?"),
        ("falg", "mtfl", "balanse", "unknown metric 'balanse'. Did you mean 'balance'?"),
    ],
)
def test_an_unknown_name_gets_the_nearest(tmp_path: Path, method: str, dataset: str, metric: str, said: str) -> None:
    results = folder(tmp_path, record(acc=0.6))
    with pytest.raises(UnknownNameError) as caught:
        traced(results, method, dataset, (metric,))
    assert said in str(caught.value)


def test_a_pair_without_records_says_what_was_run_and_what_would_run_it(tmp_path: Path) -> None:
    results = folder(tmp_path / "my runs", record(acc=0.6), record(acc=0.5, method="kmeans", dataset="har"))
    with pytest.raises(ResultsError) as caught:
        traced(results, "falg", "har")
    said = str(caught.value)
    assert "falg was run on mtfl; on har were run kmeans" in said
    assert f"`bench run --methods falg --datasets har --results '{results}'`" in said


def test_an_empty_folder_and_a_packed_file_name_their_command(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="neither was run"):
        traced(tmp_path / "nothing")
    file = RecordFile(tmp_path / "packed.jsonl")
    file.write([record(acc=0.6)])
    # A run cannot be written into a packed file.
    with pytest.raises(ResultsError, match="`bench run --methods falg --datasets har` makes"):
        traced(file.path, "falg", "har")
    with pytest.raises(ResultsError, match="cannot be read"):
        traced(tmp_path / "absent.jsonl")


def test_a_folder_and_its_packed_file_say_the_same(tmp_path: Path) -> None:
    records = [record(seed, acc=0.5 + seed / 10) for seed in range(3)]
    results = folder(tmp_path, *records)
    packed = tmp_path / "packed.jsonl"
    RecordFile(packed).write(records)
    assert traced(results).variants == traced(packed).variants


def test_the_committed_records_agree_with_the_committed_table() -> None:
    found = explain(PACKED, "falg", "mtfl", Registry())
    (variant,) = found.variants
    text = (PACKED.parents[1] / "tables" / "table1.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("# ")]
    rows = [row for row in csv.DictReader(lines) if (row["method"], row["dataset"]) == ("falg", "mtfl")]
    shown = {row["metric"]: (float(row["mean"]), float(row["std"]), float(row["published"])) for row in rows}
    for figure in variant.figures:
        assert (figure.mean, figure.std, figure.published) == pytest.approx(shown.pop(figure.metric), abs=1e-6)
    assert not shown
    json.dumps(asdict(found), allow_nan=False)
