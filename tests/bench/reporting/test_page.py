"""The page as a parser reads it: whole, closed to the network, and with every name as text."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.lineage import explain
from bench.lineage_text import Grid, parts
from bench.record import Record
from bench.records import RecordFile, RecordStore
from bench.registry import Registry
from bench.reporting.page.build import report_page
from bench.reporting.page.facts import provenance

PACKED = Path(__file__).resolve().parents[3] / "results" / "records" / "paper.jsonl"
MEGABYTE = 1 << 20
HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "\"><svg onload='alert(1)'>",
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- ]]> <style>* {}",
    "a\x1b[2J\u202eb",
)
# Elements that have no end.
VOID = {"meta", "link", "input", "img", "wbr", "br"}
# Attributes that may load or run something.
LOADING = {"src", "srcset", "href", "action", "formaction", "data", "poster", "background", "cite", "ping"}


class Page(HTMLParser):
    """Elements of a page, and its text by the id that it stands in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.inline: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.inline[self.open[-1]] = data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def values(self, *names: str) -> list[str]:
        return [value or "" for _, attrs in self.elements for name, value in attrs.items() if name in names]

    def outline(self) -> Counter[tuple[str, frozenset[str]]]:
        """Elements and their attributes, but for the places where a name may go on in the next line."""
        return Counter((tag, frozenset(attrs)) for tag, attrs in self.elements if tag != "wbr")


def packed(tmp_path: Path, *records: Record) -> RecordFile:
    return RecordFile(RecordFile(tmp_path / "records.jsonl").write(records))


def made(tmp_path: Path, *records: Record) -> Page:
    return Page(report_page(packed(tmp_path, *records), Registry()))


@pytest.fixture(scope="module")
def committed_html() -> str:
    return report_page(RecordFile(PACKED), Registry())


@pytest.fixture(scope="module")
def committed(committed_html: str) -> Page:
    return Page(committed_html)


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.reporting.page.build.pictures", lambda records, catalogue: [])


def check_whole(page: Page) -> None:
    """What holds of every page."""
    assert page.open == []
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    inner = {value[1:] for value in page.values("href") if value.startswith("#")}
    # What the script fills in.
    referred = {one for value in page.values("aria-labelledby", "for") for one in value.split()} - {"story-heading"}
    assert (inner | referred) <= set(ids)
    for tag, attrs in page.elements:
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
        for name in LOADING & attrs.keys():
            allowed = "(#|https://doi.org/10)" if tag == "a" else "data:(image/png;base64,|,$)"
            assert re.match(allowed, attrs[name] or ""), (tag, attrs)
        assert tag not in {"iframe", "object", "embed", "base", "audio", "video", "svg"}
    assert Counter(tag for tag, _ in page.elements)["script"] == 1


def test_the_committed_records_make_a_whole_page_of_a_sane_size(committed: Page, committed_html: str) -> None:
    check_whole(committed)
    assert len(committed_html.encode()) < 3 * MEGABYTE


def test_equal_records_are_equal_bytes_in_whatever_order(tmp_path: Path, record) -> None:
    file = packed(tmp_path, *(record(name, "har", nmi=0.5, mnce=0.5) for name in ("kmeans", "falg", "random")))
    first = report_page(file, Registry())
    lines = file.path.read_text(encoding="utf-8").splitlines(keepends=True)
    file.path.write_text("".join(reversed(lines)), encoding="utf-8")
    assert report_page(file, Registry()) == first
    assert "data:image/png" in first


def test_the_policy_allows_this_script_and_style_and_nothing_else(committed: Page) -> None:
    (policy,) = [attrs["content"] for tag, attrs in committed.elements if "http-equiv" in attrs]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules.pop("script-src") == f"'sha256-{digest(committed.inline['script'])}'"
    assert rules.pop("style-src") == f"'sha256-{digest(committed.inline['style'])}'"
    assert rules == {"default-src": "'none'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_script_is_small_and_both_are_whole(committed: Page) -> None:
    assert committed.inline["script"].count("\n") < 200
    both = committed.inline["script"] + committed.inline["style"]
    assert re.findall(r"https?:|url\(|@import|eval|innerHTML|fetch", both) == []


def test_every_image_is_described_and_is_a_picture(committed: Page) -> None:
    from PIL import Image

    images = [attrs for tag, attrs in committed.elements if tag == "img"]
    assert len(images) >= 2
    for attrs in images:
        assert len(attrs["alt"] or "") > 50
        with Image.open(io.BytesIO(base64.b64decode((attrs["src"] or "").partition(",")[2]))) as image:
            assert image.size == (int(attrs["width"] or 0), int(attrs["height"] or 0))


def test_a_story_says_what_explain_says(committed: Page) -> None:
    (variant,) = explain(PACKED, "falg", "mtfl", Registry()).variants
    for part in parts(variant):
        said = [text for row in part.rows for text in row] if isinstance(part, Grid) else part.lines
        for text in said:
            assert " ".join(text.split()) in committed.text
    assert "70.5 ± 0.2 63.2 ?not comparable" in committed.text


def test_every_place_with_runs_leads_to_them(tmp_path: Path, record, no_pictures: None) -> None:
    page = made(
        tmp_path,
        *(record("kmeans", "har", seed, acc=0.5 + 0.1 * seed) for seed in range(3)),
        record("falg", "har", status="timeout", reason="no end after 60 s"),
        record("kmeans", "mtfl", acc=0.25),
    )
    check_whole(page)
    stories = [attrs["id"] for tag, attrs in page.elements if attrs.get("class") == "story"]
    assert stories == ["runs-0-0", "runs-0-1", "runs-1-0"]
    links = Counter(attrs["href"] for tag, attrs in page.elements if attrs.get("class") == "cell")
    # Five metrics each, and the line among the failures.
    assert links == {"#runs-0-0": 5, "#runs-0-1": 5, "#runs-1-0": 6}
    assert "timeout FAlg HAR 0 no end after 60 s" in page.text
    assert "1 ok" not in page.text
    assert "4 ok; 1 timeout" in page.text
    values = [float(attrs["data-value"] or "") for tag, attrs in page.elements if "data-value" in attrs]
    assert pytest.approx(60.0) in values


def test_runs_that_all_ended_well_are_said_to_have(tmp_path: Path, record, no_pictures: None) -> None:
    assert "Every run ended well." in made(tmp_path, record(acc=0.5)).text


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_name_is_text_wherever_it_stands(tmp_path: Path, record, text: str, no_pictures: None) -> None:
    def records(word: str) -> list[Record]:
        facts: dict[str, Any] = dict.fromkeys(("cpu", "gpu", "precision", "suite", "data_note"), word)
        facts |= {"device": f"cuda{word}", "versions": {word: word}, "started": word, "ended": word}
        names: dict[str, Any] = {"params": {word: word}, "data": {"p": word}, "source": word, "commit": word}
        ended = record(word, word, **names, acc=0.5).model_copy(update=facts)
        failed = record(word, word, 1, **names, status="error", reason=word).model_copy(update=facts)
        return [ended, failed]

    page, plain = made(tmp_path, *records(text)), made(tmp_path, *records("x"))
    check_whole(page)
    assert page.outline() == plain.outline()
    shown = re.sub("[\x1b\u202e]", "", text)
    assert f"error {shown} {shown} 1 {shown}" in page.text
    assert f"Processors2 {shown}" in page.text
    assert not set("".join(page.texts)) & set("\x1b\u202e")


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1))
def test_any_name_leaves_the_page_whole(tmp_path: Path, record, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.reporting.page.build.pictures", lambda records, catalogue: [])
        check_whole(made(tmp_path, record(text, text, status="error", reason=text)))


def test_where_matplotlib_is_missing_a_sentence_says_so(
    tmp_path: Path, record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    page = made(tmp_path, record(nmi=0.5, mnce=0.5))
    check_whole(page)
    assert "Quality against fairness is not drawn: figures need matplotlib" in page.text
    assert "img" not in {tag for tag, _ in page.elements}


def test_logged_information_is_drawn(tmp_path: Path, record) -> None:
    history = [{"epoch": float(i), "mi_xc_given_g": 0.1 * i, "mi_gc": 0.01} for i in range(3)]
    run = record("fcmi", "har", params={"alpha": 0.04, "beta": 0.2}, nmi=0.5, mnce=0.5)
    page = made(tmp_path, run.model_copy(update={"history": history}))
    assert len([tag for tag, _ in page.elements if tag == "img"]) == 3
    assert "Information over training: FCMI on HAR" in page.text


def test_a_log_is_named_within_its_results_folder(tmp_path: Path, record, no_pictures: None) -> None:
    store = RecordStore(tmp_path)
    store.prepare()
    run = record(acc=0.5)
    store.write(run)
    store.log_path(run.key).parent.mkdir()
    store.log_path(run.key).touch()
    page = Page(report_page(store, Registry()))
    assert f"log logs/{run.key}.log" in page.text
    assert str(tmp_path) not in page.text


def test_provenance_counts_what_is_shown_and_what_was_replaced(record) -> None:
    runs = [record(seed=seed, commit=commit) for seed, commit in enumerate(["a" * 40, "a" * 40, "b" * 40])]
    runs[0] = runs[0].model_copy(update={"dirty": True, "started": "2026-01-02T23:00", "ended": "2026-01-03T01:00"})
    said = dict(provenance(runs, 5))
    assert said["Runs"] == ["3 ok", "2 older, replaced"]
    assert said["Dates"] == ["2026-01-02 to 2026-01-03"]
    changed = "with changes that were not committed"
    assert said["Commits"] == [f"1 at {'a' * 10}", f"1 at {'a' * 10} {changed}", f"1 at {'b' * 10}"]
    assert said["Devices"] == ["3 on cpu"]
    assert "Suites" not in said


def test_the_command_writes_the_page_beside_the_records(cli, results: Path, tmp_path: Path, no_pictures: None) -> None:
    blobs = ("--datasets", "blobs", "--set", "blobs.n=60", "--tracking-uri", "none", "-q")
    assert cli("run", "--methods", "kmeans", *blobs, "--results", results).code == 0
    done = cli("report", "--results", results)
    assert (done.code, done.out) == (0, "")
    assert f"written to {results / 'report.html'}" in done.err
    check_whole(Page((results / "report.html").read_text(encoding="utf-8")))
    target = tmp_path / "elsewhere" / "page.html"
    assert cli("report", "--results", results, "--out", target).code == 0
    assert target.read_bytes() == (results / "report.html").read_bytes()


def test_without_records_there_is_no_page(cli, results: Path) -> None:
    done = cli("report", "--results", results)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "`bench run` makes some" in done.err
    assert not (results / "report.html").exists()
