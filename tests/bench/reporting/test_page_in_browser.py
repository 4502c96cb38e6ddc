"""The page in headless Chromium, over the WebDriver protocol (https://www.w3.org/TR/webdriver2/)."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from bench.plan import run_key
from bench.record import Record, RunSpec
from bench.records import RecordFile
from bench.registry import Registry
from bench.reporting.page.build import report_page

DRIVER = shutil.which("chromedriver")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(
    DRIVER is None or CHROMIUM is None,
    reason="chromium and chromedriver are not both installed (Debian: chromium, chromium-driver)",
)

HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
ESCAPE = "\ue00c"
ENTER = "\ue007"
TAB = "\ue004"
PHONE = 360


class Browser:
    """One window of headless Chromium."""

    def __init__(self, server: str) -> None:
        self.http = requests.Session()
        # A proxy of the environment is not for this machine.
        self.http.trust_env = False
        # Without a sandbox, since containers run as root; the pages are ours.
        arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"]
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments, "binary": CHROMIUM},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        self.session = server
        made = self.call("/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session = f"{server}/session/{made['sessionId']}"

    def call(self, command: str, body: dict[str, Any]) -> Any:
        answer = self.http.post(self.session + command, json=body, timeout=120).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def close(self) -> None:
        self.http.delete(self.session, timeout=60)
        self.http.close()

    def open(self, page: Path, width: int = 1200, height: int = 900) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": size})
        self.call("/url", {"url": page.as_uri()})

    def script(self, code: str) -> Any:
        return self.call("/execute/sync", {"script": code, "args": []})

    def keys(self, *keys: str) -> None:
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def log(self) -> list[str]:
        return [entry["message"] for entry in self.call("/se/log", {"type": "browser"})]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with subprocess.Popen([str(DRIVER), "--port=0"], stdout=subprocess.PIPE, text=True) as driver:
        try:
            found = None
            while found is None:
                line = driver.stdout.readline()
                assert line, "chromedriver ended before it listened"
                found = re.search(r"started successfully on port (\d+)", line)
            window = Browser(f"http://127.0.0.1:{found[1]}")
            yield window
            window.close()
        finally:
            driver.terminate()


def record(method: str, dataset: str, seed: int, *, status: Any = "ok", reason: str = "", **metrics: float) -> Record:
    spec = RunSpec(
        method=method,
        method_params={},
        method_source="m",
        dataset=dataset,
        dataset_params={},
        data_hash="d",
        seed=seed,
        protocol=1,
    )
    metrics = {"nmi": 0.5, "balance": 0.4, "mnce": 0.9, "f_beta": 0.6, **metrics} if status == "ok" else {}
    where = {"device": "cpu", "cpu": HOSTILE, "commit": "0123456789abcdef", "ended": "2026-01-01T00:00:00+00:00"}
    return Record(key=run_key(spec), spec=spec, status=status, reason=reason, metrics=metrics, **where)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets; k-means between two others in ACC, one of which has a hostile name; a run that failed."""
    folder = tmp_path_factory.mktemp("page")
    records = [
        *(record("kmeans", "har", seed, acc=0.5 + 0.01 * seed) for seed in range(3)),
        *(record(HOSTILE, "har", seed, acc=0.3) for seed in range(3)),
        *(record("falg", "har", seed, acc=0.8) for seed in range(3)),
        record("random", "har", 0, acc=0.9),
        record("kmeans", HOSTILE, 0, acc=0.7),
        record("falg", HOSTILE, 0, status="timeout", reason=f"no end after 60 s {HOSTILE}"),
    ]
    store = RecordFile(RecordFile(folder / "r.jsonl").write(records))
    target = folder / "report.html"
    target.write_text(report_page(store, Registry()), encoding="utf-8")
    return target


# Names of the rows of the first table, in the order in which they are shown.
ROWS = """
return [...document.querySelectorAll(".block:not([hidden]) tr.item:not([hidden]) th")].map(
  (head) => head.firstChild.textContent.trim());
"""


def press(browser: Browser, selector: str, key: str = ENTER) -> None:
    browser.script(f"document.querySelector({selector!r}).focus()")
    browser.keys(key)


def test_a_head_sorts_its_table_and_says_so(browser: Browser, page: Path) -> None:
    browser.open(page)
    head = ".block th:nth-child(2)"
    # The control has the highest ACC and stays below the ranked rows.
    press(browser, f"{head} button")
    assert browser.script(f"return document.querySelector('{head}').getAttribute('aria-sort')") == "descending"
    assert browser.script(ROWS)[:4] == ["FAlg", "k-means", HOSTILE, "Random"]
    press(browser, f"{head} button", " ")
    assert browser.script(f"return document.querySelector('{head}').getAttribute('aria-sort')") == "ascending"
    assert browser.script(ROWS)[:4] == [HOSTILE, "k-means", "FAlg", "Random"]
    assert browser.script("return document.querySelectorAll('[aria-sort=none]').length") == 13
    press(browser, "#filter [type=reset]")
    assert browser.script(ROWS)[:4] == browser.script(
        "return [...document.querySelectorAll('#filter [name=method] option')].slice(1).map((one) => one.text)"
    )


def test_what_has_no_value_is_sorted_last(browser: Browser, page: Path) -> None:
    browser.open(page)
    for _ in range(2):
        press(browser, ".block:nth-of-type(2) th:nth-child(2) button")
        names = browser.script(ROWS)[4:]
        assert names[0] == "k-means"
        assert len(names) == 4


def test_filters_hide_rows_tables_and_cards(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.script("return document.querySelector('output').value") == "8 of 8 rows"

    def choose(name: str, label: str) -> None:
        browser.script(
            f"const field = document.querySelector('#filter [name={name}]');"
            f"field.value = [...field.options].find((one) => one.text === {label!r}).value;"
            "field.dispatchEvent(new Event('input', {bubbles: true}));"
        )

    choose("family", "control")
    assert browser.script(ROWS) == ["Random", "Random"]
    choose("dataset", "HAR")
    assert browser.script(ROWS) == ["Random"]
    assert browser.script("return document.querySelectorAll('.card:not([hidden])').length") == 1
    choose("family", "all")
    choose("method", "FAlg")
    assert browser.script(ROWS) == ["FAlg"]
    assert browser.script("return document.querySelectorAll('#failures .item:not([hidden])').length") == 0
    press(browser, "#filter [type=reset]")
    browser.script("document.querySelector('[name=text]').focus()")
    browser.keys(*"har MEANS")
    assert browser.script(ROWS) == ["k-means"]
    assert browser.script("return document.querySelector('output').value") == "1 of 8 rows"


def test_a_number_opens_its_runs_and_escape_goes_back(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert not browser.script("return document.querySelector('dialog').open")
    link = "document.querySelector('.block a.cell')"
    press(browser, ".block a.cell")
    assert browser.script("return document.querySelector('dialog').open")
    text = browser.script("return document.querySelector('dialog').innerText")
    name = browser.script(f"return {link}.closest('tr').querySelector('th').firstChild.textContent")
    assert f"{name} on HAR: 3 of 3 seeds ended well" in text
    assert browser.script("return document.activeElement.textContent") == f"{name} on HAR: 3 of 3 seeds ended well"
    # The focus does not leave what is open.
    browser.keys(*[TAB] * 8)
    assert browser.script(
        "return document.activeElement === document.body || "
        "document.querySelector('dialog').contains(document.activeElement)"
    )
    browser.keys(ESCAPE)
    assert not browser.script("return document.querySelector('dialog').open")
    assert browser.script(f"return document.activeElement === {link}")


def test_a_button_closes_what_is_open(browser: Browser, page: Path) -> None:
    browser.open(page)
    press(browser, ".block a.cell")
    press(browser, "dialog button")
    assert not browser.script("return document.querySelector('dialog').open")
    assert browser.log() == []


def test_without_its_script_a_number_leads_to_its_runs(browser: Browser, page: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.html"
    bare.write_text(re.sub(r"<script>.*?</script>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL))
    browser.open(bare)
    assert browser.script("return getComputedStyle(document.getElementById('filter')).display") == "none"
    shown = "return [...document.querySelectorAll('.story')].filter((one) => one.offsetHeight).map((one) => one.id)"
    assert browser.script(shown) == []
    target = browser.script("const link = document.querySelector('a.cell'); link.click(); return link.hash")
    assert browser.script(shown) == [target[1:]]


@pytest.mark.parametrize("opened", [False, True])
def test_a_phone_needs_no_sideways_scrolling(browser: Browser, page: Path, opened: bool) -> None:
    browser.open(page, PHONE, 740)
    if opened:
        browser.script("document.querySelector('a.cell').click()")
    assert browser.script("return innerWidth") == PHONE
    assert browser.script("return document.documentElement.scrollWidth") <= PHONE
    wide = browser.script(
        "return [...document.querySelectorAll('body *')].filter((one) => !one.closest('.scroll')"
        f" && one.getBoundingClientRect().right > {PHONE} + 0.5).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert wide == []


def test_nothing_is_loaded_and_no_name_runs(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.script("document.querySelectorAll('.block a.cell').forEach((one) => one.click())")
    assert browser.script("return window.hacked ?? null") is None
    loaded = browser.script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    assert browser.log() == []


def test_the_policy_stops_what_was_not_there_when_the_page_was_made(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    text = page.read_text(encoding="utf-8").replace("</main>", f"{HOSTILE}</main>")
    changed, unguarded = tmp_path / "changed.html", tmp_path / "unguarded.html"
    changed.write_text(text, encoding="utf-8")
    unguarded.write_text(text.replace("Content-Security-Policy", "x"), encoding="utf-8")
    browser.open(unguarded)
    assert browser.script("return window.hacked") == 2
    browser.open(changed)
    assert browser.script("return window.hacked ?? null") is None
    assert any("Content Security Policy" in line for line in browser.log())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(browser: Browser, page: Path, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.call("/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": media})
    browser.open(page)
    names = browser.script(
        "const style = getComputedStyle(document.documentElement);"
        "return ['paper', 'shade', 'ink', 'soft', 'link'].map((name) => style.getPropertyValue('--' + name))"
    )
    paper, shade, *inks = map(luminance, names)
    # WCAG 2.2, 1.4.3: at least 4.5 to 1.
    for ground in (paper, shade):
        for ink in inks:
            low, high = sorted((ground, ink))
            assert (high + 0.05) / (low + 0.05) >= 4.5
    assert (paper > 0.5) == (scheme == "light")


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = [int(colour.strip()[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
