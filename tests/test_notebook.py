"""``bench.run``: what the command does, from Python."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench
from bench.errors import BenchError
from bench.records import RecordStore


@pytest.fixture
def run(results: Path):
    def call(methods: Any, datasets: Any = "blobs", **options: Any):
        given = {"results": results, "device": "cpu", "tracking_uri": "none", "quiet": True, **options}
        return bench.run(methods=methods, datasets=datasets, **given)

    return call


def test_a_row_a_run_and_the_table_of_them(run, cli, results: Path) -> None:
    df = run(["one_cluster", "kmeans"], ["blobs"], seeds=range(2), settings={"kmeans": {"n_init": 2}})
    assert isinstance(df, pd.DataFrame)
    assert df[["method", "seed", "status"]].to_numpy().tolist() == [
        ["one_cluster", 0, "ok"],
        ["one_cluster", 1, "ok"],
        ["kmeans", 0, "ok"],
        ["kmeans", 1, "ok"],
    ]
    assert df.loc[df.method == "kmeans", "method.n_init"].tolist() == [2, 2]
    assert df.groupby("method").acc.mean()["kmeans"] > 0.9
    assert [record.key for record in df.records] == df.key.tolist()

    # A selection of the rows is shown as rows, the whole as the table that compares methods.
    assert type(df[df.acc > 0.9]) is pd.DataFrame
    assert "n_init=2" in repr(df)
    assert "n_init=2" in df.table("markdown")
    html = df._repr_html_()
    assert html.count("<table>") == 1
    assert "<strong>" in html
    assert pickle.loads(pickle.dumps(df)).table("csv") == df.table("csv")
    assert df.table("markdown", metrics=["ari"]).count("ARI") == 1
    with pytest.raises(BenchError, match="Did you mean 'markdown'"):
        df.table("markdwn")

    # Command and function go on where the other has stopped.
    stamps = {path: path.stat().st_mtime_ns for path in (results / "records").iterdir()}
    again = run("one_cluster,kmeans", "blobs", seeds="0-1", settings={"kmeans": {"n_init": 2}})
    assert stamps == {path: path.stat().st_mtime_ns for path in (results / "records").iterdir()}
    pd.testing.assert_frame_equal(pd.DataFrame(again), pd.DataFrame(df))
    done = cli(
        *("run", "--methods", "kmeans", "--datasets", "blobs", "--set", "kmeans.n_init=2", "--seeds", "0-1"),
        *("--results", results, "--tracking-uri", "none"),
    )
    assert "nothing to do" in done.out


def test_a_failure_is_a_row_and_its_words_are_shown_as_text(run, write_plugin, capsys) -> None:
    folder = write_plugin(
        "hostile",
        """
        from bench.adapters import Method
        from bench.metadata import MethodInfo

        class Hostile(Method):
            info = MethodInfo(name="hostile", title="<img src=x onerror=alert(1)>")

            def __init__(self, n_clusters=2, *, random_state=None):
                self.n_clusters = n_clusters
                self.random_state = random_state

            def fit(self, X, *, sensitive_features):
                raise RuntimeError("<script>alert('no')</script> & more")
        """,
    )
    df = run("hostile", plugins=folder, quiet=False)
    assert df.status.tolist() == ["error"]
    assert df.reason.tolist() == ["RuntimeError: <script>alert('no')</script> & more"]
    assert "acc" not in df
    html = df._repr_html_()
    assert "&lt;script&gt;" in html
    assert "&lt;img" in html
    assert "<script" not in html
    assert "<img" not in html
    # In a pipe there are lines in place of a bar.
    assert "[1/1] error" in capsys.readouterr().out
    assert len(run("hostile", plugins=[folder], only="failed").records) == 1


def test_before_anything_was_run_there_is_nothing_to_show(run) -> None:
    df = run("one_cluster", only="failed")
    assert df.empty
    assert df._repr_html_() is None
    assert "Empty" in repr(df)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"methods": "kmean"}, "unknown method 'kmean'. Did you mean 'kmeans'?"),
        ({"methods": []}, "methods=[] given; it takes names"),
        ({"methods": [3]}, "methods=[3] given; it takes names"),
        ({"datasets": "blob"}, "Did you mean 'blobs'?"),
        ({"seeds": "0-"}, "seeds '0-' given"),
        ({"seeds": [0.5]}, "seeds=[0.5] given; it takes whole numbers from 0"),
        ({"seeds": -1}, "seeds=-1 given; it takes whole numbers from 0"),
        ({"seeds": []}, "seeds=[] given"),
        ({"settings": {"kmeans": 3}}, "it takes parameters by name"),
        ({"settings": {"kmeans": {"n_int": 3}}}, "Did you mean 'n_init'?"),
        ({"device": "gpu"}, "it takes auto, cpu, cuda or cuda:0,1"),
        ({"jobs": 0}, "it takes a whole number of at least 1"),
        ({"timeout": 0}, "timeout=0 given; it takes seconds, more than 0"),
        ({"only": "new"}, "unknown choice of runs 'new'"),
        ({"plugins": "nowhere"}, "plug-in folder nowhere does not exist"),
    ],
)
def test_mistakes_are_told_in_one_line(run, results: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(BenchError) as caught:
        run(**{"methods": "kmeans", **options})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(RecordStore(results))


def test_an_interruption_keeps_what_there_is(run, plugins: Path, results: Path) -> None:
    def interrupt() -> None:
        deadline = time.monotonic() + 60
        # The run has begun when its log is there.
        while time.monotonic() < deadline and not list(results.glob("logs/*.log")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt, match="goes on from here"):
        run("faulty", plugins=plugins, settings={"faulty": {"how": "hang"}}, seeds=range(2), jobs=1)
    thread.join()
    statuses = [record.status for record in RecordStore(results)]
    assert statuses
    assert set(statuses) == {"interrupted"}


SCRIPT = """
import sys
import bench
assert "pandas" not in sys.modules, "import bench is not light"
print("begun")
df = bench.run("one_cluster", "blobs", results="out", device="cpu", quiet=True, tracking_uri="none")
print(df.status.tolist(), df.reason.tolist())
"""


def test_a_script_needs_no_guard_and_is_run_once(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout == "begun\n['ok'] ['']\n", done.stderr
    logs = "".join(path.read_text() for path in (tmp_path / "out" / "logs").glob("*.log"))
    assert "begun" not in logs
