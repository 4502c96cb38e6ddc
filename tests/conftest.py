from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Toy problems: threads cost more than they bring. Before anything loads OpenMP.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from bench.cli import main

# The same examples every time, however busy the machine is: `make test` tells of the code, not of the day.
# `pytest --hypothesis-profile=default` looks further.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

ROOT = Path(__file__).resolve().parents[1]

FAULTY = '''
import os, signal, sys, time
import numpy as np
from bench.adapters import Method
from bench.metadata import MethodInfo

class Faulty(Method):
    """Ends in the way it is told to."""

    info = MethodInfo(name="faulty", title="Faulty", inputs=("vector",))

    def __init__(self, n_clusters=8, *, how="well", random_state=None):
        self.n_clusters = n_clusters
        self.how = how
        self.random_state = random_state

    def fit(self, X, *, sensitive_features):
        X, groups = self.check_input(X, sensitive_features)
        self.log_epoch(0, 2, loss=1.0)
        if self.how == "raise":
            raise RuntimeError("the method's own mistake\\nsecond line")
        if self.how == "memory":
            raise MemoryError("no room for 7 TiB")
        if self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.how == "exit":
            os._exit(3)
        if self.how == "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        if self.how == "float":
            self.labels_ = np.zeros(len(X))
            return self
        if self.how == "range":
            self.labels_ = np.full(len(X), self.n_clusters)
            return self
        print("a word from fit")
        self.log_epoch(1, 2, loss=0.5)
        rng = np.random.default_rng(self.random_state)
        self.embedding_ = rng.normal(size=(len(X), 2))
        self.labels_ = rng.integers(self.n_clusters, size=len(X))
        return self
'''


@dataclass(frozen=True)
class Done:
    """How a command line ended."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("BENCH_OFFLINE", "1")
        patch.delenv("BENCH_RESULTS", raising=False)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A plug-in folder with a method that fails on demand."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "faulty.py").write_text(FAULTY)
    return folder


@pytest.fixture
def write_plugin(tmp_path: Path) -> Callable[[str, str], Path]:
    def write(name: str, text: str) -> Path:
        folder = tmp_path / "written"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
        return folder

    return write


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line, in this process."""

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Done(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture(scope="session")
def build_wheel(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Builds the wheel of a copy of a source folder, since a build leaves files in it."""

    def build(source: Path) -> Path:
        folder = tmp_path_factory.mktemp("wheel")
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            str(folder),
            str(source),
        ]
        if importlib.util.find_spec("setuptools"):
            command.insert(4, "--no-build-isolation")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and ("No matching distribution" in done.stderr or "Connection" in done.stderr):
            pytest.skip("no package registry within reach: the build needs setuptools from it")
        assert done.returncode == 0, done.stderr
        return next(folder.glob("*.whl"))

    return build


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory, build_wheel: Callable[[Path], Path]) -> Path:
    """The project's own wheel."""
    source = tmp_path_factory.mktemp("source")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    if files.returncode:
        pytest.skip("not a git checkout: there is no list of files to build from")
    for name in filter(None, files.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("results/records"):
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    return build_wheel(source)


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., Callable[[str], str]]:
    """Installs wheels into a folder of their own; returns a shell in an empty folder that finds them."""

    def install(*wheels: Path) -> Callable[[str], str]:
        site, empty = tmp_path / "site", tmp_path / "empty"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
        subprocess.run([*command, *map(str, wheels)], check=True, capture_output=True)
        empty.mkdir()
        environment = {name: value for name, value in os.environ.items() if name != "BENCH_DATA"}
        environment["PATH"] = f"{site / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment["PYTHONPATH"] = str(site)

        def shell(line: str) -> str:
            done = subprocess.run(
                line, shell=True, capture_output=True, text=True, cwd=empty, env=environment, check=False
            )
            assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
            return done.stdout

        return shell

    return install
