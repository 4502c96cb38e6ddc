"""``bench audit`` as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.reporting.published import published_names, published_table


def test_a_table_by_name_lists_what_cannot_be(cli) -> None:
    done = cli("audit", "fcmi_table1")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "FCMI paper, Table 1"
    impossible, cut = lines.index("Cannot be as printed"), lines.index("Cut off instead of rounded")
    assert [line.split(":")[0].strip() for line in lines[impossible + 1 : cut]] == [
        "DAC on MTFL",
        "ClGAN on HAR",
        "FAlg on MTFL",
        "FCMI on MNIST-USPS",
    ]
    assert [line.split(":")[0].strip() for line in lines[cut + 1 :]] == ["DFC on MTFL", "FCMI on Color Reverse MNIST"]
    # Sentences reach a pipe whole.
    assert lines[cut - 1].endswith(
        "MNCE is the odd one out: Bal, NMI and F_β agree with each other and leave 92.34 to 92.35."
    )


def test_without_a_name_all_published_tables_are_audited(cli) -> None:
    plain = json.loads(cli("audit", "--format", "json").out)
    assert [report["title"] for report in plain] == [published_table(name).title for name in published_names()]
    assert sum(len(report["findings"]) for report in plain) == 7


def test_a_file_of_a_strangers(cli, tmp_path: Path) -> None:
    content = json.loads(published_table("fcmi_table2").model_dump_json())
    content["cells"][3]["value"] = 99.0
    path = tmp_path / "new paper.json"
    path.write_text(json.dumps(content))
    done = cli("audit", path, "--format", "markdown")
    assert done.code == 0
    assert "FCMI (L_clu=True, L_fair=True) on MNIST-USPS: MNCE 99.0 is printed" in done.out


def test_the_file_of_the_help_text_is_read(cli, tmp_path: Path) -> None:
    from bench.cli.audit import audit

    text = audit.__doc__ or ""
    path = tmp_path / "mine.json"
    path.write_text(text[text.index("{") : text.rindex("}") + 1])
    done = cli("audit", path, "--all")
    assert (done.code, done.err) == (0, "")
    assert "Checked 1 of 1 printed values" in done.out


def test_what_agrees_is_shown_when_asked_for(cli) -> None:
    assert "Consistent" not in cli("audit", "fcmi_table2").out
    shown = cli("audit", "fcmi_table2", "--all").out
    assert "Consistent" in shown
    assert "  MNIST-USPS, F_β: FCMI (L_clu=True, L_fair=True) ahead of FCMI (L_clu=True, L_fair=False) by 8.5" in shown


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("fcmi_tabel1", "Did you mean 'fcmi_table1'?"),
        ("no/such/file.json", "cannot be read"),
        (__file__, "is not a published table"),
    ],
)
def test_bad_input_is_one_line(cli, name: str, said: str) -> None:
    done = cli("audit", name)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err


def test_a_table_cannot_steer_the_terminal(cli, tmp_path: Path) -> None:
    content = json.loads(published_table("fcmi_table2").model_dump_json())
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(content | {"title": "[bold]a\x1b[2Jb"}))
    out = cli("audit", path).out
    assert out.startswith("[bold]a[2Jb")
