"""Where MLflow is: what is taken, refused, masked, probed and served."""

from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InvalidInputError
from bench.tracking.location import connect, default_uri, masked_uri, reachable, resolve_uri, serve_command


@pytest.fixture(autouse=True)
def _no_tracking_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_option_wins_over_variable_wins_over_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_uri(None, tmp_path) == f"sqlite:///{tmp_path.resolve()}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://variable:1")
    assert resolve_uri(None, tmp_path) == "http://variable:1"
    assert resolve_uri("https://option:2/prefix", tmp_path) == "https://option:2/prefix"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert resolve_uri("", tmp_path) == default_uri(tmp_path)


@pytest.mark.parametrize("word", ["none", "None", " none "])
def test_none_tracks_nothing(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_uri(word, tmp_path) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", word)
    assert resolve_uri(None, tmp_path) is None


@pytest.mark.parametrize(
    "uri", ["sqlite:////x/m.db", "postgresql+psycopg2://u:p@h/db", "mysql://h/db", "databricks", "databricks://me"]
)
def test_uris_that_mlflow_takes_pass_unchanged(uri: str, tmp_path: Path) -> None:
    assert resolve_uri(uri, tmp_path) == uri


@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("file:///data/mlruns", "a file or folder"),
        ("file:mlruns", "a file or folder"),
        ("./mlruns", "a file or folder"),
        ("/data/mlflow.db", "a file or folder"),
        ("sqlite:mlflow.db", "a file or folder"),
        (r"C:\data\mlruns", "a file or folder"),
        ("htp://user:hunter2@host", "unknown scheme 'htp'"),
    ],
)
def test_refused_uris_say_which_to_use(uri: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=fault) as caught:
        resolve_uri(uri, tmp_path)
    message = str(caught.value)
    assert message.startswith("--tracking-uri=")
    assert "sqlite:////PATH/mlflow.db" in message
    assert "hunter2" not in message
    assert "\n" not in message


def test_refusal_names_the_variable_it_came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:///old/mlruns")
    with pytest.raises(InvalidInputError, match=r"^MLFLOW_TRACKING_URI=file:///old/mlruns"):
        resolve_uri(None, tmp_path)


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=8))
def test_no_password_survives_masking(password: str) -> None:
    for text in (f"postgresql://me:{password}@db.example/x", f"API request to http://me:{password}@h:5000/api failed"):
        assert password not in masked_uri(text)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://host:5000/prefix", "http://host:5000/prefix"),
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db"),
        ("https://me:s3cret@host/", "https://***@host/"),
        ("postgresql://host/db?user=me&password=s3cret&x=1", "postgresql://host/db?user=me&password=***&x=1"),
    ],
)
def test_masking_hides_credentials_and_nothing_else(uri: str, shown: str) -> None:
    assert masked_uri(uri) == shown


def test_reachable_creates_nothing(tmp_path: Path, closed_port: int) -> None:
    assert reachable(default_uri(tmp_path / "new" / "results")) is None
    assert not (tmp_path / "new").exists()
    assert reachable(f"http://127.0.0.1:{closed_port}") == "Connection refused"
    (tmp_path / "mlflow.db").write_text("no database" * 100)
    assert reachable(default_uri(tmp_path)) == "file is not a database"


def test_a_database_of_mlflow_is_reachable(tmp_path: Path) -> None:
    connect(default_uri(tmp_path)).search_experiments()
    assert reachable(default_uri(tmp_path)) is None


def test_serve_command_is_bound_to_loopback(tmp_path: Path) -> None:
    uri = default_uri(tmp_path)
    command = serve_command(uri, tmp_path, port=5123)
    assert command[:4] == [sys.executable, "-m", "mlflow", "server"]
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert options == {
        "--backend-store-uri": uri,
        "--artifacts-destination": (tmp_path / "mlartifacts").as_uri(),
        "--host": "127.0.0.1",
        "--port": "5123",
        "--workers": "1",
    }
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_a_server_is_not_served_again(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=re.escape("http://***@host:5000 is a server already")):
        serve_command("http://me:hunter2@host:5000", tmp_path)
