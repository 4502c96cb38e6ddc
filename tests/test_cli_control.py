"""Options of ``bench run`` that say what a run may take and what becomes of failures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.records import RecordStore


@pytest.fixture
def faulty(plugins: Path, results: Path) -> list[object]:
    return [
        *("run", "--methods", "faulty", "--datasets", "blobs", "--plugins", plugins, "--results", results),
        *("--tracking-uri", "none", "--device", "cpu"),
    ]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--memory", "much", "--memory much given; it takes a size like 500M or 4G"),
        ("--memory", "512", "--memory 512 given; it takes a size like 500M or 4G"),
        ("--memory", "0G", "--memory 0G given"),
        ("--slots-per-device", "many", "--slots-per-device many given; it takes a whole number of at least 1, or auto"),
        ("--slots-per-device", "0", "--slots-per-device 0 given; it takes a whole number of at least 1"),
        ("--retries", "-1", "--retries"),
        ("--max-failures", "0", "--max-failures"),
    ],
)
def test_bad_limits_are_refused(cli, faulty: list[object], option: str, value: str, said: str) -> None:
    done = cli(*faulty, option, value)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_jobs_and_slots_per_device_say_the_same_thing(cli, faulty: list[object]) -> None:
    done = cli(*faulty, "--jobs", "2", "--slots-per-device", "2")
    assert done.code == 2
    assert "give one of them" in done.err


def test_a_crash_is_tried_as_often_as_asked(cli, faulty: list[object], results: Path) -> None:
    assert cli(*faulty, "--set", "faulty.how=segfault", "--retries", "1").code == 0
    assert [record.reason for record in RecordStore(results)] == ["its process was killed by SIGSEGV; tried 2 times"]


def test_too_many_failures_end_it_and_the_same_command_goes_on(cli, faulty: list[object], results: Path) -> None:
    command = [*faulty, "--set", "faulty.how=raise", "--seeds", "0-4", "--jobs", "1", "--max-failures"]
    done = cli(*command, "2")
    assert done.code == 1
    assert "3 runs not started, since as many failed as --max-failures allows" in done.err
    assert len(list(RecordStore(results))) == 2
    assert cli(*command, "9").code == 0
    assert len(list(RecordStore(results))) == 5


@pytest.mark.parametrize("size", ["4G", "4GiB", "4000m", "3.5 GB"])
def test_a_memory_limit_is_a_size(cli, faulty: list[object], results: Path, size: str) -> None:
    assert cli(*faulty, "--memory", size, "--slots-per-device", "auto").code == 0
    assert [record.status for record in RecordStore(results)] == ["ok"]
