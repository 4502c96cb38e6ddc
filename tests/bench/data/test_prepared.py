from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.data.prepared import Prepared, prepare
from bench.data.store import Store
from bench.errors import BenchError
from bench.registry import Registry

BLOBS = Registry().datasets["blobs"]
NOWHERE = Store(())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_arrays_survive(cache: Path) -> None:
    data = BLOBS.load()().load(None)
    prepared = prepare(BLOBS, {}, NOWHERE)
    assert np.array_equal(prepared.X(), data.X)
    assert np.array_equal(prepared.y(), data.y)
    assert np.array_equal(prepared.sensitive(), data.sensitive)
    assert prepared.content_hash == data.content_hash()
    assert (prepared.k, prepared.n_groups) == (3, 2)
    assert prepared.folder.is_relative_to(cache)


def test_the_second_time_nothing_is_loaded(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(BLOBS, {}, NOWHERE)
    monkeypatch.setattr(BLOBS.load(), "load", None)
    assert prepare(BLOBS, {}, NOWHERE).folder == first.folder


def test_other_parameters_are_other_data(cache: Path) -> None:
    assert prepare(BLOBS, {"n": 100}, NOWHERE).content_hash != prepare(BLOBS, {"n": 101}, NOWHERE).content_hash


def test_a_run_that_writes_into_x_changes_nobodys_data(cache: Path) -> None:
    prepared = prepare(BLOBS, {}, NOWHERE)
    mine = prepared.X()
    mine[0, 0] = 99
    assert prepared.X()[0, 0] != 99


def test_data_without_classes_have_none(cache: Path, write_plugin) -> None:
    folder = write_plugin(
        "unlabelled",
        """
        from bench.adapters import Dataset, FairData
        from bench.metadata import DatasetInfo

        class Unlabelled(Dataset):
            info = DatasetInfo(name="unlabelled", title="Unlabelled", target="", sensitive="s")

            def load(self, store):
                return FairData.from_arrays([[0.0], [1.0], [2.0]], None, ["a", "b", "a"], k=2)
        """,
    )
    prepared = prepare(Registry([folder]).datasets["unlabelled"], {}, NOWHERE)
    assert prepared.y() is None
    assert prepared.k == 2


def test_an_unusable_cache_is_done_without(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write_text("a file where the folder should be")
    prepared = prepare(BLOBS, {}, NOWHERE)
    assert not prepared.folder.is_relative_to(cache)
    assert prepared.X().shape == (600, 8)


def test_half_a_preparation_is_no_preparation(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:

        def full(*_arguments: object, **_options: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(np, "save", full)
        with pytest.raises(BenchError, match=r"arrays of 0 MB cannot be written .*No space left.*BENCH_CACHE$"):
            prepare(BLOBS, {}, NOWHERE)
    assert list((cache / "prepared").iterdir()) == []
    assert prepare(BLOBS, {}, NOWHERE).X().shape == (600, 8)


def test_a_faster_process_wins(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def late(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "replace", real)
        prepare(BLOBS, {}, NOWHERE)
        real(source, target)

    monkeypatch.setattr(os, "replace", late)
    assert prepare(BLOBS, {}, NOWHERE).X().shape == (600, 8)
    assert len(list((cache / "prepared").iterdir())) == 1


def test_a_disk_that_fills_up_at_the_last_step(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BenchError, match="No space left"):
        prepare(BLOBS, {}, NOWHERE)
    assert list((cache / "prepared").iterdir()) == []


@pytest.mark.parametrize("name", ["X.npy", "sensitive.npy", "y.npy", "facts.json"])
@pytest.mark.parametrize("left", [None, 0, 100])
def test_cut_off_arrays_are_prepared_again(cache: Path, name: str, left: int | None) -> None:
    first = prepare(BLOBS, {}, NOWHERE)
    content = (first.folder / name).read_bytes()
    (first.folder / name).unlink()
    if left is not None:
        (first.folder / name).write_bytes(content[:left])
    again = prepare(BLOBS, {}, NOWHERE)
    assert again.folder == first.folder
    assert (again.folder / name).read_bytes() == content
    assert len(list((cache / "prepared").iterdir())) == 1


_READER = """
from bench.adapters import Dataset, FairData
from bench.metadata import DataFile, DatasetInfo

class Reader(Dataset):
    info = DatasetInfo(
        name="reader", title="Reader", target="t", sensitive="s", files=(DataFile("reader/x.txt", "", what="numbers"),)
    )

    def load(self, store):
        numbers = [[float(row)] for row in store.locate(self.files()[0]).paths[0].read_text().split()]
        return FairData.from_arrays(numbers, [0, 1, 0], ["a", "b", "b"])
"""


def test_another_file_or_other_code_is_prepared_anew(cache: Path, write_plugin, tmp_path: Path) -> None:
    store = Store((tmp_path / "data",))
    file = tmp_path / "data" / "reader" / "x.txt"
    file.parent.mkdir(parents=True)

    def prepared(numbers: str, code: str = _READER) -> Prepared:
        file.write_text(numbers)
        folder = write_plugin("reader", code)
        return prepare(Registry([folder]).datasets["reader"], {}, store)

    first = prepared("1 2 3")
    assert prepared("1 2 3").folder == first.folder
    assert prepared("1 2 4").X().tolist() == [[1], [2], [4]]
    assert prepared("1 2 3", _READER.replace("float(row)", "2 * float(row)")).folder != first.folder
    assert prepared("1 2 3", _READER + "# a remark").folder == first.folder


def _python(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


_PREPARE = """
from bench.data.prepared import prepare
from bench.registry import Registry
from bench.data.store import Store
prepared = prepare(Registry().datasets["blobs"], {"n": 20000}, Store(()))
print(prepared.folder, prepared.X().shape, prepared.content_hash)
"""


def test_processes_that_prepare_at_once_agree(cache: Path) -> None:
    ended = [(process.communicate(timeout=120), process) for process in [_python(_PREPARE) for _ in range(3)]]
    assert {process.returncode for _, process in ended} == {0}, ended
    assert len({out for (out, _err), _ in ended}) == 1
    assert len(list((cache / "prepared").iterdir())) == 1


def test_what_was_prepared_without_a_cache_goes_with_the_process(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    process = _python(_PREPARE)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert not Path(out.split()[0]).exists()


_READ = """
import sys
from pathlib import Path
import numpy as np
from bench.data.prepared import Prepared

def own_megabytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1000

before = own_megabytes()
X = Prepared(Path(sys.argv[1])).X()
assert type(X) is np.memmap and X.mode == "c"
total = float(sum(row.sum() for row in X))
print(own_megabytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_runs_share_one_copy_in_memory(cache: Path) -> None:
    prepared = prepare(BLOBS, {"n": 1_000_000}, NOWHERE)
    assert prepared.X().nbytes == 32_000_000
    process = _python(_READ, prepared.folder)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    # Pages of the file belong to everybody; a copy of the samples would be the process's own.
    assert float(out) < 10
