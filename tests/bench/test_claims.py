"""Who runs what now, with processes that race and die."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import claims as module
from bench.claims import Claims, ClaimWarning
from bench.errors import ResultsError
from bench.record import Record, RunSpec
from bench.records import RecordStore

HEADER = "import os, subprocess, sys, time\nfrom pathlib import Path\nfrom bench.claims import Claims\n"


@contextmanager
def process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs `code`, told what to do by its standard input."""
    command = [sys.executable, "-c", HEADER + code, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


@pytest.fixture
def time_passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def passes(seconds: float) -> None:
        now[0] += seconds

    return passes


def record(key: str) -> Record:
    spec = RunSpec(
        method="m", method_params={}, method_source="", dataset="d", dataset_params={}, data_hash="", seed=0, protocol=1
    )
    return Record(key=key, spec=spec, status="ok")


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "claims").iterdir())


def test_a_claim_excludes_others_until_it_is_given_back(tmp_path: Path) -> None:
    with Claims(tmp_path) as ours, Claims(tmp_path) as theirs:
        assert ours.take("a", "a run")
        assert not theirs.take("a", "a run")
        assert not ours.take("a", "a run")
        assert theirs.take("b", "another")
        ours.give_back("a")
        assert theirs.take("a", "a run")
        ours.give_back("a")
        assert not ours.take("a", "a run")
    assert left_behind(tmp_path) == []


def test_leaving_gives_everything_back(tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), Claims(tmp_path) as claims:
        claims.announce(["a", "b"])
        claims.take("a", "a run")
        raise KeyboardInterrupt
    assert left_behind(tmp_path) == []
    with Claims(tmp_path) as claims:
        assert claims.take("a", "a run")


def test_two_processes_that_race_take_every_key_once(tmp_path: Path) -> None:
    code = """
with Claims(Path(sys.argv[1])) as claims:
    sys.stdin.readline()
    print(*(key for key in map(str, range(200)) if claims.take(key, "run")), flush=True)
    sys.stdin.readline()
"""
    with process(code, tmp_path) as first, process(code, tmp_path) as second:
        for child in (first, second):
            child.stdin.write("go\n")
            child.stdin.flush()
        taken = [*first.stdout.readline().split(), *second.stdout.readline().split()]
    assert sorted(taken, key=int) == [str(key) for key in range(200)]


def test_threads_that_take_and_give_back_never_hold_a_key_together(tmp_path: Path) -> None:
    inside = dict.fromkeys("ab", 0)
    together: list[int] = []
    guard = threading.Lock()

    def work(name: int) -> None:
        granted = 0
        with Claims(tmp_path) as claims:
            while granted < 40:
                key = "ab"[(granted + name) % 2]
                if not claims.take(key, str(name)):
                    continue
                granted += 1
                with guard:
                    inside[key] += 1
                    together.append(inside[key])
                claims.held()
                with guard:
                    inside[key] -= 1
                claims.give_back(key)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert together == [1] * 160
    assert left_behind(tmp_path) == []


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.booleans()), max_size=30))
def test_claims_do_what_a_dictionary_of_owners_would(steps: list[tuple[int, str, bool]]) -> None:
    import tempfile

    owner: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        everybody = [Claims(Path(folder)).__enter__() for _ in range(3)]
        for who, key, wants in steps:
            if wants:
                assert everybody[who].take(key, key) == (key not in owner)
                owner.setdefault(key, who)
            else:
                everybody[who].give_back(key)
                if owner.get(key) == who:
                    del owner[key]
            assert sorted(held.key for held in everybody[0].held()) == sorted(owner)
        for one in everybody:
            one.__exit__()


def test_who_is_killed_holds_nothing_and_is_not_shown(tmp_path: Path) -> None:
    code = """
claims = Claims(Path(sys.argv[1])).__enter__()
claims.announce(["a", "b"])
print(claims.take("a", "a run"), flush=True)
sys.stdin.readline()
"""
    with process(code, tmp_path) as child, Claims(tmp_path) as claims:
        assert child.stdout.readline() == "True\n"
        (held,) = claims.held()
        assert (held.key, held.name, held.pid, held.host) == ("a", "a run", child.pid, platform.node())
        assert claims.to_do() == 1
        assert not claims.take("a", "a run")
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert left_behind(tmp_path) != []
        assert claims.held() == []
        assert claims.to_do() is None
        assert claims.take("a", "a run")
        claims.announce(["a"])
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    "birth",
    [
        "os.fork() == 0 and (print(os.getpid(), flush=True), time.sleep(60), os._exit(0))",
        "subprocess.Popen([sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'])",
    ],
    ids=["forked", "another program"],
)
def test_a_child_that_outlives_its_parent_keeps_no_claim(tmp_path: Path, birth: str) -> None:
    code = f"""
claims = Claims(Path(sys.argv[1])).__enter__()
claims.announce(["a"])
claims.take("a", "a run")
{birth}
sys.stdin.readline()
"""
    with process(code, tmp_path) as parent, Claims(tmp_path) as claims:
        child = int(parent.stdout.readline())
        try:
            assert not claims.take("a", "a run")
            parent.kill()
            parent.wait()
            os.kill(child, 0)  # it lives
            assert claims.take("a", "a run")
            assert claims.to_do() is None
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_forked_child_that_ends_gives_nothing_of_its_parents_back(tmp_path: Path) -> None:
    code = """
with Claims(Path(sys.argv[1])) as claims:
    claims.take("a", "a run")
    child = os.fork()
    if child == 0:
        sys.exit()
    os.waitpid(child, 0)
    print("child gone", flush=True)
    sys.stdin.readline()
"""
    with process(code, tmp_path) as parent, Claims(tmp_path) as claims:
        assert parent.stdout.readline() == "child gone\n"
        assert [held.pid for held in claims.held()] == [parent.pid]
        assert not claims.take("a", "a run")


def test_a_look_at_a_dead_claim_is_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Claims(tmp_path) as claims:
        lock = tmp_path / "claims" / "a.lock"
        lock.touch()
        flock, calls = fcntl.flock, []

        def while_somebody_looks(descriptor: int, operation: int) -> None:
            calls.append(operation)
            if len(calls) > 1:
                flock(descriptor, operation)
                return
            with lock.open() as look:
                flock(look, fcntl.LOCK_SH)
                flock(descriptor, operation)

        monkeypatch.setattr(fcntl, "flock", while_somebody_looks)
        assert claims.take("a", "a run")
        assert len(calls) > 2


def test_a_claim_that_changes_hands_while_it_is_opened_is_not_taken_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Claims(tmp_path) as first, Claims(tmp_path) as second, Claims(tmp_path) as third:
        assert first.take("a", "a run")
        flock = fcntl.flock

        def after_a_change_of_hands(descriptor: int, operation: int) -> None:
            monkeypatch.setattr(fcntl, "flock", flock)
            first.give_back("a")
            assert second.take("a", "a run")
            flock(descriptor, operation)

        monkeypatch.setattr(fcntl, "flock", after_a_change_of_hands)
        assert not third.take("a", "a run")


def test_a_claim_is_held_until_its_file_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Claims(tmp_path) as ours, Claims(tmp_path) as theirs:
        assert ours.take("a", "a run")
        unlink, tried = Path.unlink, []

        def while_somebody_tries(path: Path, missing_ok: bool = False) -> None:
            tried.append(theirs.take("a", "a run"))
            unlink(path, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "unlink", while_somebody_tries)
        ours.give_back("a")
        assert tried == [False, False]


def test_notes_are_written_at_most_once_a_second(tmp_path: Path, time_passes: Callable[[float], None]) -> None:
    with Claims(tmp_path) as claims:
        claims.take("a", "a run")
        seen = []
        for epoch in range(1, 9):
            time_passes(0.4)
            claims.note("a", epoch=epoch, n_epochs=8)
            (held,) = claims.held()
            seen.append(held.epoch)
        assert seen == [None, None, 3, 3, 3, 6, 6, 6]
        assert held.n_epochs == 8
        claims.note("b", epoch=1, n_epochs=8)
        assert len(claims.held()) == 1


def test_a_full_disk_stops_a_claim_but_no_run_that_goes_on(
    tmp_path: Path, time_passes: Callable[[float], None]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Claims(tmp_path) as claims:
            assert claims.take("a", "a run")
            resource.setrlimit(resource.RLIMIT_FSIZE, (16, before[1]))
            time_passes(5)
            claims.note("a", epoch=1, n_epochs=2)
            with pytest.raises(ResultsError, match="cannot be written"):
                claims.take("b", "another")
            with pytest.raises(ResultsError, match="cannot be written"):
                claims.announce(["a" * 64])
            assert [(held.key, held.epoch) for held in claims.held()] == [("a", None)]
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert claims.take("b", "another")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert left_behind(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    occupied = tmp_path / "results"
    occupied.write_text("a file")
    with pytest.raises(ResultsError, match=r"the results folder .*results cannot be written .*; name another"):
        Claims(occupied).__enter__()
    with Claims(tmp_path) as claims:
        (tmp_path / "claims").rmdir()
        with pytest.raises(ResultsError, match=r"cannot be written .*; name another"):
            claims.take("a", "a run")


def test_without_locks_there_is_one_warning_and_every_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: object, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(ClaimWarning, match="cannot be locked .*start no second") as warned:
        claims = Claims(tmp_path).__enter__()
    assert len(warned) == 1
    assert claims.take("a", "a run")
    assert [held.key for held in claims.held()] == ["a"]
    claims.__exit__()
    assert left_behind(tmp_path) == []


def test_what_is_still_to_do_is_counted_once_however_many_share_it(tmp_path: Path) -> None:
    a, b, c, d = (letter * 64 for letter in "abcd")
    store = RecordStore(tmp_path)
    store.prepare()
    earlier = store.write(record(a)).stat().st_mtime_ns
    assert Claims(tmp_path).to_do() is None
    with Claims(tmp_path) as ours, Claims(tmp_path) as theirs:
        ours.announce([a, b, c], {a: earlier})
        theirs.announce([b, c, d])
        assert ours.to_do() == 4
        assert theirs.take(d, "a run")
        assert ours.to_do() == 3
        # This one is asked for again: the record it had does not count, the one it gets does.
        store.write(record(a))
        assert ours.to_do() == 2
        store.write(record(d))
        theirs.give_back(d)
        assert theirs.to_do() == 2
    assert Claims(tmp_path).to_do() is None


def test_notes_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    with Claims(tmp_path) as claims:
        claims.announce(["a", "b"])
        claims.take("a", "a run")
        (tmp_path / "claims" / "a.json").write_text('{"key": "cut o')
        for plan in (tmp_path / "claims").glob("*.plan"):
            plan.write_text("")
        assert claims.held() == []
        assert claims.to_do() is None


def test_looking_makes_no_folder(tmp_path: Path) -> None:
    assert Claims(tmp_path / "nothing").held() == []
    assert list(tmp_path.iterdir()) == []
