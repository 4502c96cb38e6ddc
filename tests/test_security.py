"""What comes from files, from the network and from other people's adapters is data: it runs nothing, steers nothing,
and is written nowhere but where the user said."""

from __future__ import annotations

import ast
import base64
import csv
import io
import json
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bench.cli.app import console
from bench.conflicts import LABEL_FAULTS
from bench.data.store import Store
from bench.metadata import DataFile, DatasetInfo, MethodInfo
from bench.plan import run_key
from bench.record import Record, RunSpec, pack_labels, unpack_labels
from bench.records import RecordFile, RecordStore
from bench.registry import Registry
from bench.reporting.cells import build_table
from bench.reporting.latex_text import escape
from bench.reporting.render import FORMATS, render
from bench.reporting.terminal import terminal_table
from bench.tracking.fields import metrics, params

# The command line tells of records that it cannot read, and goes on.
pytestmark = pytest.mark.filterwarnings("always::bench.records.RecordWarning")

ROOT = Path(__file__).resolve().parents[1]
FORMULA = '=HYPERLINK("http://example.org","x")'
TERMINAL = "\x1b]0;title\x07\x1b[7m\x9b31m\u202e[bold]x[/] [/nothing]"
MARKUP = "<script>alert(1)</script> &lt;b&gt; ![x](y) |a|\n# head"
LATEX = r"\input{/etc/passwd} \write18{id} ^^5cinput %"
PATH = "../../../outside"


# Code: what must not be called where data are read.

# How the harness's own code could run what it reads, or unpack it anywhere.
REFUSED = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "tempfile.mktemp"),
    *("joblib.load", "pandas.read_pickle", "torch.hub.load", "shutil.unpack_archive"),
}
REFUSED_METHODS = {"extractall", "read_pickle", "unpack_archive"}
REFUSED_MODULES = {"_pickle", "cloudpickle", "dill", "marshal", "pickle", "shelve", "yaml"}
# The class of an error is no danger.
ALLOWED_NAMES = {"pickle.UnpicklingError"}
NEEDED = {
    "numpy.load": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
    "torch.hub.load_state_dict_from_url": ("weights_only", True),
}
NEVER = {("shell", True), ("allow_pickle", True), ("verify", False), ("weights_only", False)}


def faults(source: str) -> list[str]:
    """Calls and imports in `source` that could run what is read."""
    tree = ast.parse(source)
    names = dict(imported(tree))
    found = [f"import {name}" for name in names.values() if is_refused_import(name)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found += call_faults(node, names)
    return found


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What names of a module mean: as written, and in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def is_refused_import(name: str) -> bool:
    return name.partition(".")[0] in REFUSED_MODULES and name not in ALLOWED_NAMES


def call_faults(node: ast.Call, names: dict[str, str]) -> list[str]:
    written = ast.unparse(node.func)
    head, dot, rest = written.partition(".")
    name = names.get(head, head) + dot + rest
    given = {word.arg: getattr(word.value, "value", ...) for word in node.keywords}
    found = [f"{name}({key}={value})" for key, value in given.items() if (key, value) in NEVER]
    if name in REFUSED or (dot and name.rpartition(".")[2] in REFUSED_METHODS):
        found.append(name)
    if name in NEEDED:
        key, value = NEEDED[name]
        if given.get(key, ...) is not value:
            found.append(f"{name} without {key}={value}")
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy as np\nnp.load(f)", ["numpy.load without allow_pickle=False"]),
        ("from numpy import load\nload(f, allow_pickle=no)", ["numpy.load without allow_pickle=False"]),
        ("import numpy\nnumpy.load(f, allow_pickle=False)", []),
        (
            "import numpy as np\nnp.load(f, allow_pickle=True)",
            ["numpy.load(allow_pickle=True)", "numpy.load without allow_pickle=False"],
        ),
        ("def f():\n    import torch\n    torch.load(f)", ["torch.load without weights_only=True"]),
        ("import torch\ntorch.load(f, weights_only=True)", []),
        ("import torch.hub as hub\nhub.load('a', 'b')", ["torch.hub.load"]),
        ("import pickle", ["import pickle"]),
        ("from pickle import loads as read", ["import pickle.loads"]),
        ("from pickle import UnpicklingError", []),
        ("import yaml", ["import yaml"]),
        ("from joblib import Parallel, load\nload(f)", ["joblib.load"]),
        ("eval(text)", ["eval"]),
        ("network.eval()", []),
        ("import re\nre.compile(text)", []),
        ("archive.extractall()", ["archive.extractall"]),
        ("run(text, shell=True)", ["run(shell=True)"]),
    ],
)
def test_the_audit_finds_what_runs_data(source: str, expected: list[str]) -> None:
    assert faults(source) == expected


@pytest.mark.parametrize("folder", ["bench", "methods", "datasets", "benchmarks"])
def test_nothing_that_is_read_can_run(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = {str(path.relative_to(ROOT)): faults(path.read_text(encoding="utf-8")) for path in files}
    assert {path: faulty for path, faulty in found.items() if faulty} == {}


def test_what_programs_fetch_has_a_checksum() -> None:
    from bench.data.download import can_download

    def offered(files: tuple[DataFile, ...]) -> Iterator[DataFile]:
        for file in files:
            yield from (file, *(other for instead in file.instead for other in offered(instead)))

    infos = [entry.info for entry in Registry().datasets.values() if isinstance(entry.info, DatasetInfo)]
    files = [(info.name, file) for info in infos for file in offered(info.files) if can_download(file)]
    assert len(files) > 5
    # UCI packs HAR's archive anew at times: what is in it has checksums, in `datasets/har.py`.
    assert {name for name, file in files if not file.checksum} == {"har"}


# Records of somebody else.


def record(**changes: Any) -> Record:
    fields = {
        "method": "kmeans",
        "method_params": {},
        "method_source": "m",
        "dataset": "blobs",
        "dataset_params": {},
        "data_hash": "d",
        "seed": 0,
        "protocol": 1,
    }
    spec = RunSpec(**{**fields, **{name: changes.pop(name) for name in list(changes) if name in fields}})
    return Record(**{"key": run_key(spec), "spec": spec, "status": "ok", "metrics": {"acc": 0.5}, **changes})


def hostile(text: str) -> list[Record]:
    """Records with `text` wherever a record holds text that is shown; one that ended well and one that did not."""
    names = {"method": text, "dataset": text, "method_params": {text: text}, "dataset_params": {"p": text}}
    facts = dict.fromkeys(("device", "cpu", "gpu", "precision", "commit", "suite", "data_note"), text)
    return [
        record(**names, **facts, metrics={"acc": 0.5, text: 0.5}),
        record(**{**names, "method_params": {text: "else"}}, **facts, status="error", reason=text, error_type=text),
    ]


def packed(folder: Path, *records: Record, key: str | None = None) -> Path:
    """A file of records as somebody else may have written it, with keys that our own code would not write."""
    folder.mkdir(exist_ok=True)
    file = RecordFile(folder / "theirs.jsonl").write(records)
    if key is not None:
        lines = [{**json.loads(line), "key": key} for line in file.read_text(encoding="utf-8").splitlines()]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder deep enough for a path that leads upwards to stay within this test's own."""
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    return folder


def files_outside(box: Path) -> list[Path]:
    top = box.parents[2]
    return [path for path in top.rglob("*") if path.is_file() and not path.is_relative_to(box)]


@pytest.mark.parametrize("key", [PATH, "/outside", "a/../../b", "", "..", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_a_key_is_no_path(cli, box: Path, key: str) -> None:
    (theirs := box / "theirs").mkdir()
    # What would be copied with the record, if its key were followed.
    for folder, ending in (("logs", ".log"), ("embeddings", ".npy")):
        (theirs / folder).mkdir()
        (box / f"outside{ending}").write_text("mine")
    source = packed(theirs, record(labels=pack_labels([0, 1])), key=key)
    (theirs / "records").mkdir()
    shutil.copy(source, theirs / "records" / "x.json")
    for given in (source, theirs):
        done = cli("merge", given, "--results", box / "mine")
        assert done.code == 0
        assert "cannot be read (String should match pattern" in done.err
        assert list((box / "mine").rglob("*.*")) == []
    assert cli("pack", "--out", box / "packed.jsonl", "--results", theirs).code == 2
    assert not (box / "packed.jsonl").exists()
    assert files_outside(box) == []


def test_a_key_of_another_run_is_not_taken(cli, box: Path) -> None:
    source = packed(box / "theirs", record(), key="0" * 64)
    done = cli("merge", source, "--results", box / "mine")
    assert "its key is not that of its run" in done.err
    assert list((box / "mine").rglob("*.json")) == []


@pytest.mark.parametrize("text", [PATH, "/outside"])
def test_names_in_records_are_no_paths(cli, box: Path, text: str) -> None:
    source = packed(box / "theirs", *hostile(text))
    assert cli("merge", source, "--results", box / "mine").code == 0
    assert cli("pack", "--out", box / "packed.jsonl", "--results", box / "mine").code == 0
    for form in FORMATS:
        assert cli("table", "--format", form, "--out", box / f"table.{form}", "--results", box / "mine").code == 0
    assert files_outside(box) == []
    assert {path.name for path in (box / "mine").rglob("*.json")} == {f"{one.key}.json" for one in hostile(text)}


@pytest.mark.parametrize("name", ["..", ".", "", "../x", "/x", "a/../../b", ".hidden", "a\nb"])
def test_mlflow_is_given_no_paths(name: str) -> None:
    # What MLflow takes for a path: https://github.com/mlflow/mlflow, path_not_unique.
    given = record(metrics={name: 0.5}, method_params={name: "x"}, history=[{name: 1.0}])
    keys = [*params(given), *(key for key, _value, _step in metrics(given))]
    assert len(keys) == 6
    assert not [key for key in keys if "/" in key or key.startswith(".") or not key or "\n" in key]


def test_parameters_without_a_number_are_no_record(cli, box: Path) -> None:
    line = packed(box / "theirs", record(method_params={"p": "HERE"}))
    line.write_text(line.read_text().replace('"HERE"', "NaN"))
    done = cli("table", "--results", line)
    assert done.code == 2
    assert "cannot be read (a parameter" in done.err


def test_labels_that_would_fill_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.record._MOST_LABEL_BYTES", 1000)
    assert len(unpack_labels(pack_labels(np.zeros(1000, int)))) == 1000
    with pytest.raises(ValueError, match="more samples than any data set has"):
        unpack_labels(pack_labels(np.zeros(10_000_000, int)))


@pytest.mark.parametrize("kind", ["object", "float64", "V8", "uint8,uint8", "datetime64[s]", "", "nonsense"])
def test_labels_are_whole_numbers(kind: str) -> None:
    body = base64.b64encode(zlib.compress(bytes(16))).decode()
    with pytest.raises(LABEL_FAULTS):
        unpack_labels(f"{kind}:{body}")


# What is shown.


@pytest.fixture(params=[FORMULA, TERMINAL, MARKUP, LATEX, "@x", "+1", "-1", "\t=1"], ids=ascii)
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def rendered(text: str, form: str) -> str:
    records = hostile(text)
    keys = sorted({key for one in records for key in one.metrics})
    info = MethodInfo(text, text, notes=(text,)), DatasetInfo(text, text, text, text, notes=(text,))
    table = build_table(records, methods={text: info[0]}, datasets={text: info[1]}, metrics=keys)
    if form != "terminal":
        return render(table, form)
    out = io.StringIO()
    Console(file=out, width=200).print(terminal_table(table))
    return out.getvalue()


def test_no_cell_of_a_csv_file_is_a_formula(cli, box: Path, text: str) -> None:
    source = packed(box, *hostile(text))
    tables = [rendered(text, "csv"), cli("export", "--results", source).out]
    for cells in (cell for table in tables for cell in csv.reader(io.StringIO(table))):
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_numbers_below_zero_stay_numbers(cli, box: Path) -> None:
    source = packed(box, record(metrics={"ari": -0.25}, method_params={"p": -1}))
    (row,) = csv.DictReader(io.StringIO(cli("export", "--results", source).out))
    assert (row["ari"], row["method.p"]) == ("-0.25", "-1")


@pytest.mark.parametrize("form", ["markdown", "terminal"])
def test_names_are_read_as_they_are_written(text: str, form: str) -> None:
    drawn = rendered(text, form)
    if form == "terminal":
        assert all(part in drawn for part in text.split("\n")[0].split("\x1b")[-1].split())
        return
    assert "<script" not in drawn.replace("\\<script", "")
    assert "&lt;" not in drawn.replace("\\&lt;", "")
    assert "\n# head" not in drawn
    assert "![" not in drawn.replace("!\\[", "")


def test_names_are_no_commands_of_latex() -> None:
    drawn = rendered(LATEX, "latex")
    assert escape(LATEX) in drawn
    for command in (r"\input", r"\write", "^^"):
        assert command not in drawn


@pytest.mark.parametrize("command", ["table", "status", "export", "explain"])
def test_nothing_in_a_record_steers_the_terminal(cli, box: Path, command: str) -> None:
    store = RecordStore(box)
    store.prepare()
    for one in hostile(TERMINAL):
        store.write(one)
    arguments = [TERMINAL, TERMINAL] if command == "explain" else []
    done = cli(command, *arguments, "--results", box)
    assert "[bold]x[/] [/nothing]" in done.out
    for written in (done.out, done.err):
        assert not set(written) & set("\x07\x1b\x9b\u202e")


def test_nothing_in_an_error_steers_the_terminal(cli, box: Path) -> None:
    source = packed(box, *hostile(TERMINAL))
    done = cli("table", "--methods", "none", "--results", source)
    assert done.code == 2
    assert "[bold]x[/]" in done.err
    assert not set(done.err) & set("\x07\x1b\x9b\u202e")


def test_the_consoles_own_colours_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.text import Text

    monkeypatch.setenv("FORCE_COLOR", "1")
    out = console()
    out.file = io.StringIO()
    out.print(Text("good\x1b[2J", style="bold"))
    assert out.file.getvalue() == "\x1b[1mgood[2J\x1b[0m\n"


# Adapters of somebody else.

MARKING = """
from pathlib import Path
Path(MARK).touch()
from bench.adapters import Method
from bench.metadata import MethodInfo
class Marking(Method):
    info = MethodInfo(name=NAME, title="Marking")
"""


@pytest.fixture
def marking(box: Path, monkeypatch: pytest.MonkeyPatch):
    """Write adapters that leave a mark where they are imported; the current folder is theirs."""
    monkeypatch.chdir(box)

    def write(folder: str, name: str = "marking") -> Path:
        path = box / folder / "marking.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MARKING.replace("MARK)", f"{str(box / 'mark')!r})").replace("NAME", repr(name)))
        return box / "mark"

    return write


def test_only_folders_that_the_user_names_are_read(cli, marking, box: Path) -> None:
    for folder in (".", "plugins", "methods", "bench/methods", "results/local"):
        mark = marking(folder)
    for command in (["list"], ["table"], ["status"], ["info", "marking"], ["info", "kmeans"]):
        assert "Marking" not in cli(*command).out
    assert not mark.exists()
    assert "Marking" in cli("list", "--plugins", "plugins").out
    assert mark.exists()


def test_a_record_imports_nothing(cli, marking, box: Path) -> None:
    mark = marking(".")
    source = packed(box, record(method="marking", method_source="marking.py"))
    assert cli("table", "--results", source).code == 0
    assert cli("explain", "marking", "blobs", "--results", source).code == 0
    assert not mark.exists()


@pytest.mark.parametrize("name", [PATH, "a b", "[bold]", "=1", ""])
def test_a_name_of_an_adapter_is_a_name(cli, marking, box: Path, name: str) -> None:
    mark = marking("plugins", name)
    done = cli("list", "methods", "--plugins", box / "plugins", "--format", "json")
    (row,) = [row for row in json.loads(done.out) if row["title"] == "Marking"]
    assert row["status"] == f"its name is {name!r}; a name has letters, digits and underscores"
    assert cli("run", "--methods", name or "x", "--datasets", "blobs", "--plugins", box / "plugins").code == 2
    assert not mark.exists()


@pytest.mark.parametrize("path", [PATH, "/etc/passwd", "a/../../b"])
def test_a_file_of_a_data_set_lies_in_a_data_folder(path: str) -> None:
    with pytest.raises(ValueError, match="leads out of the data folder"):
        DataFile(path, "https://example.org/x")
    assert Store((Path("a"),)).find(DataFile("a/..b", "")) is None
