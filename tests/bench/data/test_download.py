"""Downloads from a real web server on loopback, well-behaved and not."""

from __future__ import annotations

import gzip
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bench.data import download as module
from bench.data import hosts
from bench.data.download import DownloadError, can_download, download
from bench.metadata import DataFile

CONTENT = random.Random(0).randbytes(600_000)
PAGE = b"<!DOCTYPE html><title>Please log in</title>"


def _file(url: str, content: bytes = CONTENT, kind: str = "sha256") -> DataFile:
    digest = hashlib.new(kind, content).hexdigest()
    return DataFile("set/x.bin", url, f"{kind}:{digest}", len(content), "twelve shades of noise")


def _left_in(folder: Path) -> set[str]:
    """Files in the folder of the target, but for the lock, which is always empty."""
    return {path.name for path in (folder / "set").iterdir() if not path.name.endswith(".lock")}


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_file_arrives(site, reply, tmp_path: Path, kind: str) -> None:
    path = download(_file(site.put("x", reply(CONTENT)), kind=kind), tmp_path)
    assert path == tmp_path / "set" / "x.bin"
    assert path.read_bytes() == CONTENT
    assert _left_in(tmp_path) == {"x.bin"}


def test_a_file_that_is_there_is_not_fetched_again(site, reply, tmp_path: Path) -> None:
    file = _file(site.put("x", reply(CONTENT)))
    download(file, tmp_path)
    download(file, tmp_path)
    assert len(site.asked) == 1


def test_a_file_without_a_checksum_is_taken_as_it_comes(site, reply, tmp_path: Path) -> None:
    url = site.put("x", reply(CONTENT))
    assert download(DataFile("set/x.bin", url), tmp_path).read_bytes() == CONTENT


def test_a_compressed_file_stays_compressed(site, reply, tmp_path: Path) -> None:
    packed = gzip.compress(b"1 2 3\n" * 1000)
    url = site.put("x", reply(packed, headers={"Content-Encoding": "gzip"}))
    assert download(_file(url, packed), tmp_path).read_bytes() == packed


def test_a_missing_page_is_named(site, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=rf"^{site.host} answers 404 Not Found$"):
        download(_file(f"http://{site.host}/gone"), tmp_path)
    assert _left_in(tmp_path) == set()


def test_a_web_page_in_place_of_the_file_is_refused(site, reply, tmp_path: Path) -> None:
    url = site.put("x", reply(PAGE, kind="text/html; charset=utf-8"))
    with pytest.raises(DownloadError, match="sends a web page in place of the file"):
        download(DataFile("set/x.bin", url), tmp_path)
    assert _left_in(tmp_path) == set()


def test_a_web_page_leaves_alone_what_has_arrived(site, reply, tmp_path: Path) -> None:
    part = tmp_path / "set" / "x.bin.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT[:1000])
    url = site.put("x", reply(PAGE, kind="text/html", ranges=False))
    with pytest.raises(DownloadError, match="web page"):
        download(_file(url), tmp_path)
    assert part.read_bytes() == CONTENT[:1000]


def test_a_file_that_a_host_calls_a_web_page_is_taken(site, reply, tmp_path: Path) -> None:
    url = site.put("x", reply(CONTENT, kind="text/html"))
    assert download(_file(url), tmp_path).read_bytes() == CONTENT


def test_altered_content_is_refused_and_removed(site, reply, tmp_path: Path) -> None:
    file = _file(site.put("x", reply(CONTENT[:-1] + b"!")))
    with pytest.raises(DownloadError, match=r"sends another file than was published \(its sha256 is not"):
        download(file, tmp_path)
    assert _left_in(tmp_path) == set()
    assert len(site.asked) == 1


def test_a_broken_connection_is_taken_up_again(site, reply, tmp_path: Path) -> None:
    file = _file(site.put("x", reply(CONTENT, drops=2, after=250_000)))
    assert download(file, tmp_path).read_bytes() == CONTENT
    assert site.ranges() == [None, "bytes=250000-", "bytes=500000-"]


def test_a_host_that_cannot_resume_is_given_up_when_it_leads_nowhere(site, reply, tmp_path: Path) -> None:
    answer = reply(CONTENT, drops=2, after=250_000, ranges=False)
    file = _file(site.put("x", answer))
    with pytest.raises(DownloadError, match=r"broke after 250000 of 600000 bytes; try the same command again$"):
        download(file, tmp_path)
    assert _left_in(tmp_path) == {"x.bin.part"}
    assert download(file, tmp_path).read_bytes() == CONTENT
    assert _left_in(tmp_path) == {"x.bin"}


def test_a_break_that_the_host_does_not_let_one_see_shows_in_the_checksum(site, reply, tmp_path: Path) -> None:
    file = _file(site.put("x", reply(CONTENT, drops=1, after=250_000, length=False)))
    with pytest.raises(DownloadError, match="another file than was published"):
        download(file, tmp_path)
    assert _left_in(tmp_path) == set()


def test_the_next_call_goes_on_where_the_last_one_stopped(site, reply, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "x.bin.part").write_bytes(CONTENT[:123_456])
    assert download(_file(site.put("x", reply(CONTENT))), tmp_path).read_bytes() == CONTENT
    assert site.ranges() == ["bytes=123456-"]


@pytest.mark.parametrize("excess", [b"", b"too much"])
def test_a_part_with_nothing_to_add(site, reply, tmp_path: Path, excess: bytes) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "x.bin.part").write_bytes(CONTENT + excess)
    assert download(_file(site.put("x", reply(CONTENT))), tmp_path).read_bytes() == CONTENT
    assert len(site.asked) == (2 if excess else 1)


def test_a_part_of_another_file_is_dropped_and_the_whole_fetched(site, reply, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "x.bin.part").write_bytes(b"0" * 1000)
    assert download(_file(site.put("x", reply(CONTENT))), tmp_path).read_bytes() == CONTENT
    assert site.ranges() == ["bytes=1000-", None]


def test_a_part_is_not_trusted_where_no_checksum_would_tell(site, reply, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "x.bin.part").write_bytes(b"0" * 1000)
    url = site.put("x", reply(CONTENT))
    assert download(DataFile("set/x.bin", url), tmp_path).read_bytes() == CONTENT


def test_a_wrong_range_is_not_appended(site, reply, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "x.bin.part").write_bytes(CONTENT[:1000])
    answer = reply(CONTENT, 206, ranges=False, headers={"Content-Range": "bytes 0-599999/600000"})
    with pytest.raises(DownloadError, match="answers 206"):
        download(_file(site.put("x", answer)), tmp_path)
    assert site.ranges() == ["bytes=1000-", None]


def test_a_flood_is_stopped(site, reply, tmp_path: Path) -> None:
    file = _file(site.put("x", reply(CONTENT)), CONTENT[:1000])
    with pytest.raises(DownloadError, match="sends more than the 1000 bytes"):
        download(file, tmp_path)
    assert _left_in(tmp_path) == set()


def test_a_host_that_cannot_be_reached_is_asked_once(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(DownloadError, match=rf"^{host} cannot be reached$"):
        download(_file(f"http://{host}/x"), tmp_path)
    monkeypatch.setattr(module, "ask", None)
    with pytest.raises(DownloadError, match=rf"^{host} cannot be reached$"):
        download(_file(f"http://{host}/y"), tmp_path)


def test_a_name_that_does_not_exist(site, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"^no-such-host\.invalid cannot be reached$"):
        download(_file("https://no-such-host.invalid/x"), tmp_path)


def test_a_host_that_does_not_answer_is_not_waited_for(
    site, reply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "_ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        host = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(DownloadError, match=rf"{host} cannot be reached \(no answer\)"):
            download(_file(f"http://{host}/x"), tmp_path)
        assert hosts.is_silent(f"http://{host}/another")


def test_a_host_that_falls_silent_is_left(site, reply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "_STALL_SECONDS", 0.3)
    answer = reply(CONTENT, hold=threading.Event(), after=300_000)
    file = _file(site.put("x", answer))
    with pytest.raises(DownloadError, match=r"stopped sending after \d+ of 600000 bytes"):
        download(file, tmp_path)
    assert hosts.is_silent(file.url)
    answer.hold = None
    monkeypatch.setattr(hosts, "_SILENT", {})
    assert download(file, tmp_path).read_bytes() == CONTENT
    assert int(site.ranges()[-1].removeprefix("bytes=").rstrip("-")) >= 200_000


def test_an_untrusted_certificate_is_named(site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    def distrust(*_arguments: object, **_options: object) -> None:
        raise requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED")

    monkeypatch.setattr(requests, "get", distrust)
    with pytest.raises(DownloadError, match="its certificate cannot be verified"):
        download(_file("https://example.org/x"), tmp_path)


def test_a_cache_that_cannot_be_written(site, reply, tmp_path: Path) -> None:
    blocker = tmp_path / "cache"
    blocker.write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match=r"cache cannot be written \(.+\); BENCH_CACHE names another folder"):
        download(_file(site.put("x", reply(CONTENT))), blocker)


def test_a_full_disk(site, reply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.ResumingDownloader, "_refuse_flood", full)
    with pytest.raises(DownloadError, match=r"cannot be written \(No space left on device\)"):
        download(_file(site.put("x", reply(CONTENT))), tmp_path)
    assert not (tmp_path / "set" / "x.bin").exists()


_FETCH = """
import sys
from pathlib import Path
from bench.data.download import download
from bench.metadata import DataFile
url, checksum, folder = sys.argv[1:]
print(len(download(DataFile("set/x.bin", url, checksum), Path(folder)).read_bytes()))
"""


def _start(file: DataFile, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _FETCH, file.url, file.checksum, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_processes_that_want_the_same_file_fetch_it_once(site, reply, tmp_path: Path) -> None:
    answer = reply(CONTENT, hold=threading.Event(), after=300_000)
    file = _file(site.put("x", answer))
    running = [_start(file, tmp_path) for _ in range(3)]
    while not site.asked:
        time.sleep(0.02)
    # All of them have a moment to trip over each other.
    time.sleep(1)
    answer.hold.set()
    for process in running:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.strip()) == (0, "600000"), err
    assert site.ranges() == [None]
    assert _left_in(tmp_path) == {"x.bin"}


def test_a_killed_download_blocks_nobody_and_is_continued(site, reply, tmp_path: Path) -> None:
    answer = reply(CONTENT, hold=threading.Event(), after=300_000)
    file = _file(site.put("x", answer))
    process = _start(file, tmp_path)
    part = tmp_path / "set" / "x.bin.part"
    while not (part.exists() and part.stat().st_size):
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    answer.hold = None
    received = part.stat().st_size
    assert not (tmp_path / "set" / "x.bin").exists()
    assert download(file, tmp_path).read_bytes() == CONTENT
    assert site.ranges() == [None, f"bytes={received}-"]


def test_progress_is_shown_on_a_terminal_only(
    site, reply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = _file(site.put("x", reply(CONTENT)))
    download(file, tmp_path / "piped")
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    download(file, tmp_path / "shown")
    out, err = capfd.readouterr()
    assert out == ""
    assert "set/x.bin" in err


def test_what_programs_may_fetch() -> None:
    assert can_download(DataFile("x", "https://example.org/x"))
    assert not can_download(DataFile("x", "https://example.org/x", manual="ask the authors"))
    assert not can_download(DataFile("x", ""))
    assert not can_download(DataFile("x", "file:///etc/passwd"))


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("http://example.org/x", False),
        ("HTTP://example.org/x", False),
        ("http://127.0.0.1.example.org/x", False),
        ("http://localhost@example.org/x", False),
        ("ftp://127.0.0.1/x", False),
        ("http://127.0.0.1:80/x", True),
        ("HTTPS://example.org/x", True),
    ],
)
def test_nothing_is_fetched_where_anybody_could_alter_it_on_the_way(url: str, may: bool) -> None:
    assert can_download(DataFile("x", url)) is may


def test_a_host_that_sends_on_without_encryption_is_left(site, reply, tmp_path: Path) -> None:
    url = site.put("x", reply(status=302, headers={"Location": "http://example.invalid/x"}))
    with pytest.raises(DownloadError, match=rf"^{site.host} sends on to example\.invalid without encryption$"):
        download(_file(url), tmp_path)
    assert _left_in(tmp_path) == set()


def test_a_host_may_send_on_to_where_nobody_listens_in(site, reply, tmp_path: Path) -> None:
    site.put("y", reply(CONTENT))
    url = site.put("x", reply(status=302, headers={"Location": "/y"}))
    assert download(_file(url), tmp_path).read_bytes() == CONTENT
