"""Where MLflow is, whether it can be used, and how to name it without its password."""

from __future__ import annotations

import errno
import logging
import os
import re
import sqlite3
import sys
import warnings
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from bench.errors import InvalidInputError

__all__ = [
    "artifact_root",
    "connect",
    "default_uri",
    "failures",
    "is_database",
    "masked_uri",
    "reachable",
    "reason",
    "resolve_uri",
    "serve_command",
]

_DATABASES = frozenset({"sqlite", "postgresql", "mysql", "mssql"})
_SERVERS = frozenset({"http", "https", "databricks"})

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # A server that is down may cost seconds, not MLflow's four minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Eight more processes a server, for features of language models.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}

# What they would put on the terminal: every second attempt, and the traceback of an error that is raised as well.
_LOGGERS = {"urllib3.connectionpool": logging.ERROR, "mlflow.store.db.utils": logging.CRITICAL}


def default_uri(results: Path) -> str:
    """URI of the SQLite database ``mlflow.db`` in the folder `results`."""
    path = (Path(results).resolve() / "mlflow.db").as_posix()
    # The two characters that mean something in a database URI.
    return "sqlite:///" + path.replace("%", "%25").replace("?", "%3F")


def artifact_root(results: Path) -> str:
    """URI of the folder for artifacts in `results`."""
    return (Path(results).resolve() / "mlartifacts").as_uri()


def resolve_uri(option: str | None, results: Path) -> str | None:
    """Where to track: `option`, else the variable MLFLOW_TRACKING_URI, else :func:`default_uri`.

    Parameters
    ----------
    option : str or None
        What the user gave on the command line.
    results : Path
        The results folder.

    Returns
    -------
    str or None
        A tracking URI; None where the user said ``none``.

    Raises
    ------
    InvalidInputError
        For a folder, which MLflow no longer writes, and for a scheme that it does not know.
    """
    source, uri = "--tracking-uri", (option or "").strip()
    if not uri:
        source, uri = "MLFLOW_TRACKING_URI", os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    if not uri:
        return default_uri(results)
    if uri.lower() == "none":
        return None
    scheme = _scheme(uri)
    plugins = {plugin.name for plugin in entry_points(group="mlflow.tracking_store")} - {"file"}
    if (scheme in _DATABASES | _SERVERS and "://" in uri) or uri == "databricks" or scheme in plugins:
        return uri
    fault = f"has the unknown scheme '{scheme}'" if "://" in uri and scheme != "file" else "names a file or folder"
    raise InvalidInputError(
        f"{source}={masked_uri(uri)} {fault}, where MLflow keeps no runs; "
        "give sqlite:////PATH/mlflow.db, http://HOST:PORT or none"
    )


def masked_uri(text: str) -> str:
    """`text` with the credentials in its URIs replaced by ``***``, fit to be shown."""
    text = re.sub(r"://\S*@", "://***@", text)
    return re.sub(r"(?i)(\w*(?:password|passwd|pwd|token|secret)\w*|odbc_connect)=[^&\s]+", r"\1=***", text)


def is_database(uri: str) -> bool:
    """Whether `uri` is a database that this process writes itself, not a server."""
    return _scheme(uri) in _DATABASES


def reachable(uri: str) -> str | None:
    """Why MLflow at `uri` cannot be used, in a few words, or None if it can. Creates nothing."""
    try:
        if is_database(uri):
            _probe(uri)
        else:
            connect(uri).search_experiments(max_results=1)
    except failures() as error:
        return reason(error, uri)
    return None


def serve_command(uri: str, results: Path, host: str = "127.0.0.1", port: int = 5000) -> list[str]:
    """Command line of an MLflow server that shows the database at `uri`.

    Run it with this process's environment, which is where telemetry is switched off.

    Raises
    ------
    InvalidInputError
        If `uri` is a server already.
    """
    if not is_database(uri):
        raise InvalidInputError(f"{masked_uri(uri)} is a server already; open it in a browser")
    _prepare_environment()
    # What other clients of this server store goes into the results folder too, not into the current one.
    storage = ["--backend-store-uri", uri, "--artifacts-destination", artifact_root(results)]
    return [sys.executable, "-m", "mlflow", "server", *storage, "--host", host, "--port", str(port), "--workers", "1"]


def connect(uri: str) -> Any:
    """Return an ``MlflowClient`` for `uri`; may raise one of :func:`failures`.

    A server is not asked before the first request; a database is opened, and made if it is not there.
    """
    _prepare_environment()
    if is_database(uri):
        _probe(uri)
    with warnings.catch_warnings():
        # SQLAlchemy 2.1 deprecates a loader strategy that MLflow's tables name; it says so at the first SQL store.
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy", category=DeprecationWarning)
        from mlflow import MlflowClient

        return MlflowClient(uri)


def failures() -> tuple[type[Exception], ...]:
    """What MLflow and the libraries below it raise when it cannot be used."""
    _prepare_environment()
    from alembic.util import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    # Connection errors of requests are OSErrors; a database driver that is not installed is an ImportError.
    return (MlflowException, SQLAlchemyError, CommandError, OSError, ImportError)


def reason(error: BaseException, uri: str) -> str:
    """The cause of `error` in a few words, without the credentials in `uri`."""
    text = str(error)
    cause: BaseException | None = error
    while cause is not None:
        strerror = getattr(cause, "strerror", None)
        if strerror or isinstance(cause, ConnectionError | TimeoutError | sqlite3.Error):
            text = strerror or str(cause)
            break
        cause = cause.__cause__ or cause.__context__
    credentials = uri.partition("://")[2].rpartition("@")[0]
    if credentials:
        text = text.replace(credentials, "***")
    return masked_uri(text.strip().split("\n", 1)[0])[:200]


def _scheme(uri: str) -> str:
    return re.split(r"[:+]", uri, maxsplit=1)[0].lower()


def _prepare_environment() -> None:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name, level in _LOGGERS.items():
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(level)


def _probe(uri: str) -> None:
    """Fail at once where MLflow would try for 100 seconds; create nothing."""
    from sqlalchemy import create_engine, inspect, make_url
    from sqlalchemy.pool import NullPool

    url = make_url(uri)
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "mlflow.db").absolute()
        nearest = next(place for place in (path, *path.parents) if place.exists())
        if nearest != path and not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{nearest} is no folder")
        if not os.access(nearest, os.W_OK):
            raise PermissionError(errno.EACCES, f"{nearest} cannot be written")
        if nearest != path:
            return
    inspect(create_engine(uri, poolclass=NullPool)).get_table_names()
