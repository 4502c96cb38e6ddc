from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.data.store import Store
from bench.plan import Plan, make_plan
from bench.records import RecordStore
from bench.registry import Registry
from bench.suite import Grid, Suite

MOODY = '''
import json, os, signal, subprocess, sys, time
from pathlib import Path
import numpy as np
from bench.adapters import Method
from bench.metadata import MethodInfo

class OutOfMemoryError(RuntimeError):
    """As torch names its own."""

HOG = """
import time
import numpy as np
held = []
while len(held) < 75:
    held.append(np.ones(20 * 2**17))
    time.sleep(0.01)
time.sleep(600)
"""

class Moody(Method):
    """Notes when it runs, and ends in the way it is told to."""

    info = MethodInfo(name="moody", title="Moody", inputs=("vector",))

    def __init__(self, n_clusters=8, *, how="well", notes="", random_state=None):
        self.n_clusters = n_clusters
        self.how = how
        self.notes = notes
        self.random_state = random_state

    def fit(self, X, *, sensitive_features):
        X, groups = self.check_input(X, sensitive_features)
        begun, before = time.time(), self._attempts()
        time.sleep(0.3)
        with Path(self.notes).open("a") as notes:
            notes.write(json.dumps([self.how, self.random_state, begun, time.time()]) + "\\n")
        if self.how == "raise":
            raise RuntimeError("its own mistake")
        if self.how == "crash" or (self.how == "crash once" and not before):
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.how == "oom" or (self.how == "oom once" and not before):
            raise OutOfMemoryError("CUDA out of memory")
        if self.how.startswith("says "):
            raise RuntimeError(self.how.removeprefix("says "))
        if self.how == "hog":
            exec(HOG)
        if self.how == "child hogs":
            subprocess.run([sys.executable, "-c", HOG], check=True)
        self.labels_ = np.arange(len(X)) % self.n_clusters
        return self

    def _attempts(self):
        path = Path(self.notes)
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if json.loads(line)[:2] == [self.how, self.random_state]]
'''


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes.jsonl"


@pytest.fixture
def attempts(notes: Path) -> Callable[[], list[tuple[str, int, float, float]]]:
    """What has been started: how it was to end, seed, begin and end."""
    return lambda: [tuple(json.loads(line)) for line in notes.read_text().splitlines()] if notes.exists() else []


@pytest.fixture
def moody(tmp_path: Path) -> Path:
    """A plug-in folder with a method that keeps notes."""
    folder = tmp_path / "moody"
    folder.mkdir()
    (folder / "moody.py").write_text(MOODY)
    return folder


@pytest.fixture
def plan_of(moody: Path, notes: Path) -> Callable[..., Plan]:
    def make(*hows: str, seeds: str = "0") -> Plan:
        grids = [
            Grid(methods=["moody"], datasets=["blobs"], seeds=seeds, set={"moody": {"how": how, "notes": str(notes)}})
            for how in hows
        ]
        return make_plan(Suite(timeout=60, grid=grids), Registry([moody]), Store(()))

    return make


@pytest.fixture
def records(results: Path) -> RecordStore:
    store = RecordStore(results)
    store.prepare()
    return store
