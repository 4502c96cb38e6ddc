"""``bench fetch``, and what ``list`` and ``doctor`` say of files: in process, with a web server on loopback."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.data import hosts

CONTENT = b"1 2 3\n"
PLUGIN = """
from pathlib import Path
from bench.adapters import Dataset, FairData
from bench.errors import InvalidInputError
from bench.metadata import DataFile, DatasetInfo

class Offered(Dataset):
    info = DatasetInfo(
        name="offered", title="Offered", target="t", sensitive="s",
        files=(
            DataFile("offered/x.txt", "URL/x.txt", "sha256:DIGEST", 6, "three numbers"),
            DataFile("offered/y.txt", "URL/y.txt", "sha256:DIGEST", 6, "the same numbers"),
        ),
    )

    def load(self, store):
        store.locate(self.files()[1])
        row = [float(number) for number in store.locate(self.files()[0]).paths[0].read_text().split()]
        return FairData.from_arrays([[number] for number in row], [0, 1, 0], ["a", "b", "b"])


class Photographs(Dataset):
    info = DatasetInfo(
        name="photographs", title="Photographs", target="t", sensitive="s",
        files=(DataFile("photographs/features.npz", "URL", what="features", manual="make them from the images"),),
    )

    def load(self, store):
        store.locate(self.files()[0])
        return FairData.from_arrays([[1.0], [2.0]], [0, 1], ["a", "b"])

    def build_from_images(self, images, out):
        found = sorted(Path(images).glob("*.png"))
        if not found:
            raise InvalidInputError(f"{images} holds no .png files")
        out.write_bytes(b"".join(path.read_bytes() for path in found))
"""


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder on the web, and its address."""
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "x.txt").write_bytes(CONTENT)
    (folder / "y.txt").write_bytes(CONTENT)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(hosts, "_SILENT", {})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder, empty, beside an empty cache."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BENCH_OFFLINE", raising=False)
    return tmp_path / "mine"


@pytest.fixture
def plugin(web: tuple[Path, str], mine: Path, write_plugin) -> Path:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return write_plugin("offered", PLUGIN.replace("URL", web[1]).replace("DIGEST", digest))


def _put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_what_is_missing_is_downloaded_and_then_ready(cli, plugin: Path, mine: Path, tmp_path: Path) -> None:
    own = _put(mine / "offered" / "y.txt")
    cached = tmp_path / "cache" / "files" / "offered" / "x.txt"
    done = cli("fetch", "OFFERED", "--plugins", plugin)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [f"downloaded  offered: {cached}", f"ready       offered: {own}"]
    assert cached.read_bytes() == CONTENT
    again = cli("fetch", "offered", "--plugins", plugin)
    assert (again.code, "downloaded" in again.out) == (0, False)


def test_what_cannot_be_had_is_told_with_the_rest(cli, plugin: Path, web) -> None:
    (web[0] / "x.txt").unlink()
    done = cli("fetch", "photographs,offered", "--plugins", plugin)
    assert done.code == 1
    images, first, second = done.out.splitlines()
    assert images.startswith("missing     photographs: photographs/features.npz (features) is not here; make them from")
    assert first.startswith("missing     offered: offered/x.txt (three numbers) is not here; its owners offer it at")
    assert first.endswith("answers 404 File not found")
    assert second.startswith("downloaded  offered")


def test_a_spoilt_file_of_the_users_is_told_and_one_of_the_cache_replaced(
    cli, plugin: Path, mine: Path, tmp_path: Path
) -> None:
    own = _put(mine / "offered" / "x.txt", b"3 2 1\n")
    cached = _put(tmp_path / "cache" / "files" / "offered" / "y.txt", b"3 2 1\n")
    done = cli("fetch", "offered", "--plugins", plugin)
    assert done.code == 1
    first, second = done.out.splitlines()
    assert first.startswith(f"corrupt     offered: {own} is not the file that was published")
    assert second == f"downloaded  offered: {cached}"
    assert (own.read_bytes(), cached.read_bytes()) == (b"3 2 1\n", CONTENT)


def test_offline_nothing_is_downloaded(cli, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    done = cli("fetch", "offered", "--plugins", plugin)
    assert done.code == 1
    assert done.out.count("it was not downloaded: BENCH_OFFLINE is set\n") == 2


def test_all_are_those_that_need_files(cli, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    out = cli("fetch", "all", "--plugins", plugin).out
    assert "offered/x.txt" in out
    assert "photographs/features.npz" in out
    assert "blobs" not in out


def test_an_adapter_that_cannot_load_does_not_stop_the_others(cli, plugin: Path) -> None:
    (plugin / "broken.py").write_text("from bench.metadata import DatasetInfo\nimport bench.no_such_module\n"
        "class Broken:\n    info = DatasetInfo(name='broken', title='B', target='', sensitive='')\n")  # fmt: skip
    done = cli("fetch", "broken", "offered", "--plugins", plugin)
    assert done.code == 1
    assert done.out.startswith("unusable    broken: ")
    assert "downloaded  offered" in done.out


def test_embedded_data_need_no_files(cli, mine: Path) -> None:
    done = cli("fetch", "reverse-digits")
    assert (done.code, done.out) == (0, "ready       reverse_digits: needs no files of its own\n")


def test_features_are_made_from_images(cli, plugin: Path, tmp_path: Path) -> None:
    for name in ("b.png", "a.png"):
        _put(tmp_path / "images" / name, name.encode())
    made = tmp_path / "cache" / "files" / "photographs" / "features.npz"
    done = cli("fetch", "photographs", "--from-images", tmp_path / "images", "--plugins", plugin)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [f"made        photographs: {made}", f"ready       photographs: {made}"]
    assert made.read_bytes() == b"a.pngb.png"
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["files"]


def test_a_file_that_comes_before_the_one_made_is_named(cli, plugin: Path, mine: Path, tmp_path: Path) -> None:
    _put(tmp_path / "images" / "a.png")
    own = _put(mine / "photographs" / "features.npz")
    done = cli("fetch", "photographs", "--from-images", tmp_path / "images", "--plugins", plugin)
    assert done.code == 0
    assert "unused      photographs: " in done.out
    assert f"ready       photographs: {own}" in done.out


def test_features_that_cannot_be_made_leave_nothing(cli, plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    done = cli("fetch", "photographs", "--from-images", tmp_path / "images", "--plugins", plugin)
    assert done.code == 2
    assert "holds no .png files" in done.err
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("oferred",), "Did you mean 'offered'"),
        (("offered", "al"), "Did you mean 'all'"),
        (("offered", "--from-images", "."), "'offered' is not made from images"),
        (("photographs", "--from-images", "nowhere"), "--from-images nowhere given; it takes the folder of images"),
        (("photographs,offered", "--from-images", "."), "2 are named; name one"),
        (("reverse_digits", "--from-images", "."), "'reverse_digits' reads no files"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(cli, plugin: Path, arguments: tuple, message: str) -> None:
    done = cli("fetch", *arguments, "--plugins", plugin)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_cache_that_cannot_be_written(cli, plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    done = cli("fetch", "offered", "--plugins", plugin)
    assert done.code == 1
    assert done.out.count("BENCH_CACHE names another folder\n") == 2
    _put(tmp_path / "images" / "a.png")
    done = cli("fetch", "photographs", "--from-images", tmp_path / "images", "--plugins", plugin)
    assert done.code == 2
    assert "BENCH_CACHE names another" in done.err


def test_list_and_doctor_say_what_is_there_missing_and_corrupt(cli, plugin: Path, mine: Path, results: Path) -> None:
    def status(command: str) -> str:
        if command == "list":
            rows = json.loads(cli("list", "datasets", "--format", "json", "--plugins", plugin).out)
            return str(next(row["status"] for row in rows if row["name"] == "offered"))
        report = cli("doctor", "--format", "json", "--results", results, "--plugins", plugin).out
        return str(json.loads(report)["data"]["offered"])

    for command in ("list", "doctor"):
        assert status(command) == "missing: offered/x.txt and 1 more; `bench fetch offered`"
    own = _put(mine / "offered" / "x.txt", b"3 2 1\n")
    _put(mine / "offered" / "y.txt")
    # A listing does not read large files.
    assert status("list") == "ready"
    assert status("doctor").startswith(f"corrupt: {own} is not the file that was published")
    own.write_bytes(CONTENT)
    assert status("doctor") == "ready"
    assert not (mine.parent / "cache" / "files").exists()


def test_a_run_downloads_what_it_needs_and_goes_on_without(cli, plugin: Path, results: Path, web) -> None:
    command = ("run", "--methods", "random", "--datasets", "offered,photographs", "--tracking-uri", "none")
    done = cli(*command, "--plugins", plugin, "--results", results)
    assert done.code == 0, done.err
    assert "missing-data   random on photographs, seed 0: photographs/features.npz (features) is not here" in done.out
    assert "ok             random on offered" in done.out
