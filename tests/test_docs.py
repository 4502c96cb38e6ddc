"""The documentation: links lead somewhere, commands run and print what is shown, generated pages are up to date."""

from __future__ import annotations

import doctest
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
ALL_PAGES = [ROOT / "README.md", *PAGES, *sorted((DOCS / "methods").glob("*.md"))]

# Their commands are run by test_stranger.py, from the wheel.
RUN_FROM_THE_WHEEL = {"adding-a-method.md", "adding-a-dataset.md"}
# What needs a cluster, a GPU, a network or a server.
MOST_NOT_RUN = 12

BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.*?) -->\n)?```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SHELL = {"console", "sh", "bash", "shell"}


class Block(NamedTuple):
    language: str
    body: str
    not_run: str | None

    @property
    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Commands of a console block, each with the output that is shown below it."""
        for part in re.split(r"^\$ ", self.body, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            yield command, [line for line in shown if line.strip()]


def blocks(page: Path) -> list[Block]:
    return [Block(found["language"], found["body"], found["reason"]) for found in BLOCK.finditer(page.read_text())]


def anchors(page: Path) -> set[str]:
    """Names that GitHub gives to the headings of a page."""
    seen: Counter[str] = Counter()
    found = set()
    for line in re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL).splitlines():
        if re.match("#{1,6} ", line):
            name = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
            found.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
    return found


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    targets = [link for link in LINK.findall(CODE.sub("`", page.read_text())) if not re.match(r"\w+:", link)]
    for link in targets:
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: there is no such file"
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert not anchor or anchor in anchors(target), f"{link}: the page has no such heading"


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_tables_are_whole(page: Path) -> None:
    for above, line in pairwise(re.sub(r"^```.*?^```$", "\n", page.read_text(), flags=re.M | re.S).splitlines()):
        if above.startswith("|") and line.startswith("|"):
            cells = [len(re.findall(r"(?<!\\)\|", row)) for row in (above, line)]
            assert cells[0] == cells[1], f"a row with more or fewer cells than the one above it: {line}"


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text()
    assert [page.name for page in PAGES if page.name != "README.md" and f"]({page.name})" not in index] == []


def test_generated_pages_say_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    made = generate.pages()
    outdated = [path.relative_to(ROOT) for path, text in made.items() if not path.exists() or path.read_text() != text]
    gone = [path.relative_to(ROOT) for path in (DOCS / "methods").glob("*.md") if path not in made]
    assert not outdated + gone, f"run `make docs`: {', '.join(map(str, outdated + gone))}"


def test_what_is_not_run_has_a_reason() -> None:
    left_out = [(page.name, block) for page in PAGES for block in blocks(page) if block.not_run is not None]
    assert len(left_out) <= MOST_NOT_RUN
    for name, block in left_out:
        assert block.language in {"python", *SHELL}, f"{name}: a block that would not be run anyway"
        assert len(block.not_run or "") > 5, f"{name}: why is this not run? {block.body}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_is_run_or_says_why_not(page: Path) -> None:
    text = page.read_text()
    assert len(re.findall("```", text)) == 2 * len(blocks(page)), "a fence that is not at the start of its line"
    for block in blocks(page):
        if block.language in SHELL and block.not_run is None:
            assert block.language == "console", f"a block of commands that nothing runs:\n{block.body}"
            assert block.body.startswith("$ "), f"a console block without a command:\n{block.body}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(b.language in ("console", "python") for b in blocks(page))],
    ids=lambda p: p.stem,
)
def test_commands_run_and_print_what_is_shown(
    page: Path, cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATA", raising=False)
    # test_stranger.py looks at what reaches MLflow, and a new database on every page takes long.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "none")
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.not_run is not None:
            continue
        if block.language == "python":
            run_python(block.body, names)
        elif block.language == "console" and page.name not in RUN_FROM_THE_WHEEL:
            for command, shown in block.commands:
                said = run_command(command, cli)
                missing = [line for line in shown if not re.search(pattern(line), said)]
                assert not missing, f"`{command}` does not print {missing}, but:\n{said}"


def run_python(code: str, names: dict[str, object]) -> None:
    """Run a block: write it to the file that its first line names, compare a session with what it shows, or run it."""
    file = re.match(r"# (\S+\.py)\n", code)
    if file:
        Path(file[1]).parent.mkdir(parents=True, exist_ok=True)
        Path(file[1]).write_text(code)
    elif not code.startswith(">>> "):
        exec(compile(code, "a block of the page", "exec"), names)
    else:
        run_session(code, names)


def run_session(code: str, names: dict[str, object]) -> None:
    test = doctest.DocTestParser().get_doctest(code, names, "a block of the page", None, 0)
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    failed = runner.run(test, out=told.append, clear_globs=False).failed
    names.update(test.globs)
    assert not failed, "".join(told)


def run_command(command: str, cli: Callable[..., Any]) -> str:
    """What `command` prints, with every run of spaces as one; `bench` alone is run in this process, which is quick."""
    if re.match(r"bench [^|<>&;$*]*$", command):
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            done = cli(*shlex.split(command)[1:])
        code, said = done.code, done.out + done.err
    else:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ended = subprocess.run(command, shell=True, capture_output=True, text=True, env={**os.environ, "PATH": path})
        code, said = ended.returncode, ended.stdout + ended.stderr
    assert code == 0, f"`{command}` ends with {code}: {said}"
    return "\n".join(" ".join(line.split()) for line in said.splitlines())


def pattern(line: str) -> str:
    """A shown line, in which three dots stand for anything."""
    return ".*".join(re.escape(" ".join(part.split())) for part in line.split("..."))
