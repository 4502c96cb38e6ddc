from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from bench.data import store as store_module
from bench.data.store import Store, data_cache
from bench.errors import InvalidInputError, MissingDataError
from bench.metadata import DataFile

CONTENT = b"twelve bytes"
FILE = DataFile("set/x.bin", "https://example.org/x.bin", f"sha256:{hashlib.sha256(CONTENT).hexdigest()}", 12)


def _put(folder: Path, content: bytes = CONTENT) -> Path:
    path = folder / FILE.path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    second = _put(tmp_path / "b")
    store = Store((tmp_path / "a", tmp_path / "b"))
    assert store.locate(FILE).paths == (second,)
    first = _put(tmp_path / "a")
    assert store.locate(FILE).paths == (first,)


def test_bench_data_is_a_list_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    _put(tmp_path / "b")
    assert Store.default().locate(FILE).paths == (tmp_path / "b" / FILE.path,)


def test_a_missing_file_says_where_it_is_offered_and_where_it_goes(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"set/x\.bin is not here.*https://example\.org/x\.bin.*BENCH_DATA"):
        Store((tmp_path,)).locate(FILE)


def test_another_file_under_the_name_is_refused(tmp_path: Path) -> None:
    _put(tmp_path, b"something else")
    with pytest.raises(MissingDataError, match="not the file that was published"):
        Store((tmp_path,)).locate(FILE)


def test_files_that_do_instead_are_taken_where_all_are_there(tmp_path: Path) -> None:
    parts = tuple(replace(FILE, path=f"set/{name}") for name in ("a", "b"))
    whole = replace(FILE, path="set/whole", instead=(parts,))
    store = Store((tmp_path,))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a").write_bytes(CONTENT)
    assert store.missing([whole]) == [whole]
    (tmp_path / "set" / "b").write_bytes(CONTENT)
    assert store.locate(whole).files == parts
    (tmp_path / "set" / "whole").write_bytes(CONTENT)
    assert store.locate(whole).files == (whole,)


def test_a_file_without_a_checksum_is_taken_as_it_is(tmp_path: Path) -> None:
    path = _put(tmp_path, b"somebody's own features")
    assert Store((tmp_path,)).locate(replace(FILE, checksum="")).paths == (path,)


def test_alternatives_are_named_where_a_file_is_missing(tmp_path: Path) -> None:
    a, b, c = (replace(FILE, path=f"set/{name}") for name in "abc")
    with pytest.raises(MissingDataError, match=r"\(or instead of it: set/a and set/b, or set/a and 2 more\)"):
        Store((tmp_path,)).locate(replace(FILE, instead=((a, b), (a, b, c))))


def test_a_cut_off_file_is_told_by_its_size(tmp_path: Path) -> None:
    _put(tmp_path, CONTENT[:5])
    with pytest.raises(MissingDataError, match=r"x\.bin is not .* published \(5 bytes, expected 12\); replace it"):
        Store((tmp_path,)).locate(FILE)


def test_a_checksum_may_be_in_capitals_or_a_git_blob_id(tmp_path: Path) -> None:
    _put(tmp_path)
    store = Store((tmp_path,))
    store.locate(replace(FILE, checksum=f"md5:{hashlib.md5(CONTENT).hexdigest().upper()}"))
    # What `git hash-object` prints for these twelve bytes.
    store.locate(replace(FILE, checksum="gitblob:41e883eb36ef4a5c5153910adcea04d8d6e9d12f"))
    with pytest.raises(MissingDataError, match="gitblob"):
        store.locate(replace(FILE, checksum=f"gitblob:{'0' * 40}", bytes=0))
    with pytest.raises(InvalidInputError, match=r"crc32:12.*sha256"):
        store.locate(replace(FILE, checksum="crc32:12"))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _put(tmp_path)

    def refuse(*_arguments: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(store_module, "digest", refuse)
    with pytest.raises(MissingDataError, match=rf"{path} cannot be read \(Permission denied\)"):
        Store((tmp_path,)).locate(FILE)


def test_a_folder_that_may_not_be_entered_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    assert Store((tmp_path,)).find(FILE) is None


def test_states(tmp_path: Path) -> None:
    store = Store((tmp_path,))
    (state,) = store.state([FILE])
    assert (state.state, state.located) == ("missing", None)
    assert "is not here" in state.problem
    path = _put(tmp_path)
    (state,) = store.state([FILE])
    assert (state.state, state.problem) == ("ready", "")
    assert state.located is not None
    assert state.located.paths == (path,)
    path.write_bytes(b"something else")
    assert store.state([FILE])[0].state == "corrupt"
    assert store.state([FILE], verify=False)[0].state == "ready"


@pytest.fixture
def online(site, reply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFile:
    """A file that the web server offers, with an empty cache and an empty folder of the user's."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return replace(FILE, url=site.put("x", reply(CONTENT)), what="twelve bytes")


def test_what_is_nowhere_is_downloaded_into_the_cache_once(site, online: DataFile) -> None:
    assert Store.default().missing([online]) == [online]
    assert site.asked == []
    for _ in range(2):
        assert Store.default().locate(online).paths == (data_cache() / online.path,)
    assert len(site.asked) == 1


def test_the_users_own_copy_is_preferred_to_a_download(site, online: DataFile, tmp_path: Path) -> None:
    path = _put(tmp_path / "mine")
    assert Store.default().locate(online).paths == (path,)
    other = replace(online, path="set/y.bin", instead=((online,),))
    assert Store.default().locate(other).paths == (path,)
    assert site.asked == []


def test_nothing_is_downloaded_offline(site, online: DataFile, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingDataError, match=r"BENCH_DATA$"):
        Store.default(download=False).locate(online)
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    with pytest.raises(MissingDataError, match=r"BENCH_DATA; it was not downloaded: BENCH_OFFLINE is set$"):
        Store.default().locate(online)
    assert site.asked == []
    monkeypatch.setenv("BENCH_OFFLINE", "0")
    Store.default().locate(online)


def test_a_file_for_a_person_to_get_is_not_downloaded(site, online: DataFile) -> None:
    with pytest.raises(MissingDataError, match="ask its owners"):
        Store.default().locate(replace(online, manual="ask its owners"))
    assert site.asked == []


def test_a_failed_download_says_everything_in_one_line(site, online: DataFile) -> None:
    site.replies.clear()
    with pytest.raises(MissingDataError) as caught:
        Store.default().locate(online)
    line = str(caught.value)
    for part in ("set/x.bin (twelve bytes)", online.url, "under that name into a folder named in BENCH_DATA", "404"):
        assert part in line
    assert "\n" not in line


def test_without_a_network_every_file_is_refused_at_once(tmp_path: Path, online: DataFile) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    for name in ("a", "b", "c"):
        with pytest.raises(MissingDataError, match=r"127\.0\.0\.1:\d+ cannot be reached"):
            Store.default().locate(replace(online, path=name, url=dead + name))


def test_another_host_is_tried_for_what_does_instead(site, online: DataFile) -> None:
    wanted = replace(online, path="set/gone", url=f"http://{site.host}/gone", instead=((online,),))
    assert Store.default().locate(wanted).files == (online,)


def test_a_spoilt_download_is_fetched_again(site, online: DataFile) -> None:
    path = _put(data_cache(), b"bit rot here")
    assert Store.default().state([online])[0].state == "corrupt"
    assert Store.default().locate(online).paths == (path,)
    assert path.read_bytes() == CONTENT


def test_a_spoilt_download_that_cannot_be_replaced(site, online: DataFile, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _put(data_cache(), b"bit rot here")
    site.replies.clear()
    with pytest.raises(MissingDataError, match=r"is not the file that was published.*not downloaded.*404"):
        Store.default().locate(online)
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    with pytest.raises(MissingDataError, match="is not the file that was published"):
        Store.default().locate(online)
    assert path.read_bytes() == b"bit rot here"


def test_the_users_own_files_are_never_replaced(site, online: DataFile, tmp_path: Path) -> None:
    path = _put(tmp_path / "mine", b"something else")
    with pytest.raises(MissingDataError, match="not the file that was published"):
        Store.default().locate(online)
    assert path.read_bytes() == b"something else"
    assert site.asked == []


def test_a_cache_that_cannot_be_written_is_told(site, online: DataFile, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(MissingDataError, match=r"files cannot be written \(.*\); BENCH_CACHE names another folder"):
        Store.default().locate(online)
