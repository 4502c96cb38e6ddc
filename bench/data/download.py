"""Downloads that may break off: they go on where they stopped, and nothing half-done ever bears a file's name."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.checksums import split_checksum
from bench.data.hosts import SilentHostError, ask, host_of, is_private, is_silent, remember_silent
from bench.errors import BenchError
from bench.metadata import DataFile

if TYPE_CHECKING:
    from requests import Response

__all__ = ["DownloadError", "ResumingDownloader", "can_download", "download"]

Listener = Callable[[int, int], None]

_CHUNK = 1 << 16


class DownloadError(BenchError):
    """A download that did not succeed; the message is the cause, as a clause."""


def can_download(file: DataFile) -> bool:
    """Whether `file` is offered to programs, not only to a person, and in a way that nobody can alter."""
    return not file.manual and is_private(file.url)


def download(file: DataFile, folder: Path) -> Path:
    """Fetch `file` into `folder`, whole and verified or not at all.

    What a broken download has received is kept beside the target as ``NAME.part``, and the next call goes on from
    there. Processes that want the same file wait for the first of them. On a terminal, progress is shown.

    Parameters
    ----------
    file : DataFile
        What to fetch.
    folder : Path
        Data folder; created where it does not exist.

    Returns
    -------
    Path
        Where the file is now.

    Raises
    ------
    DownloadError
        If the host cannot be reached or sends something else, or the folder cannot be written.
    """
    from filelock import FileLock

    target = folder / file.path
    try:
        if known := is_silent(file.url):
            raise SilentHostError(known)
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")), _progress(file.path) as listener:
            _retrieve(file, target, listener)
    except SilentHostError as error:
        raise DownloadError(str(error)) from None
    except OSError as error:
        reason = error.strerror or error
        raise DownloadError(f"{folder} cannot be written ({reason}); BENCH_CACHE names another folder") from None
    return target


def _retrieve(file: DataFile, target: Path, listener: Listener) -> None:
    import pooch

    part = target.with_name(f"{target.name}.part")
    kind = split_checksum(file.checksum)[0] if file.checksum else ""
    known = file.checksum if kind in ("sha256", "md5") else None
    if known is None:
        # Nothing would tell whether the rest belongs to these bytes.
        part.unlink(missing_ok=True)
    downloader = ResumingDownloader(part, file.bytes, listener)
    for _attempt in ("go on from the part", "start afresh"):
        try:
            with _quiet(pooch.get_logger()):
                pooch.retrieve(file.url, known, fname=target.name, path=target.parent, downloader=downloader)
            return
        except ValueError:
            # pooch has deleted what arrived. If its beginning was old, the whole may still be had.
            if not downloader.resumed:
                break
    published = file.checksum.removeprefix(f"{kind}:")[:12]
    raise DownloadError(f"{host_of(file.url)} sends another file than was published (its {kind} is not {published}...)")


class ResumingDownloader:
    """Downloader for ``pooch.retrieve`` that goes on where an earlier one stopped.

    Parameters
    ----------
    part : Path
        Where received bytes are kept until the last has come.
    size : int
        Size of the file; 0 if it is not known.
    listener : callable
        Told the bytes received and the bytes expected (0 if not known).

    Attributes
    ----------
    resumed : bool
        Whether the latest file was received in more than one piece.
    """

    def __init__(self, part: Path, size: int, listener: Listener) -> None:
        self.part = part
        self.size = size
        self.listener = listener
        self.resumed = False

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Receive `url` and move it to `output_file`.

        Raises
        ------
        DownloadError
            If it does not arrive whole.
        SilentHostError
            If the host does not answer.
        OSError
            If it cannot be written.
        """
        self.resumed = False
        furthest = self._received()
        # A connection that breaks is taken up again as long as that leads further.
        while broken := self._receive(url):
            if self._received() <= furthest:
                raise DownloadError(f"{broken}; try the same command again")
            furthest = self._received()
        os.replace(self.part, output_file)  # noqa: PTH105

    def _received(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _receive(self, url: str) -> str:
        """Receive what is lacking; how the connection broke, or an empty string."""
        start = self._received()
        with closing(ask(url, start)) as answer:
            status, span = answer.status_code, answer.headers.get("Content-Range", "")
            if status == 416 and span == f"bytes */{start}":
                self.resumed = True
                return ""
            if start and (status == 416 or (status == 206 and not span.startswith(f"bytes {start}-"))):
                self.part.unlink()
                return self._receive(url)
            if status != 200 and not (start and status == 206):
                raise DownloadError(f"{host_of(url)} answers {status} {answer.reason}")
            return self._store(answer, url, start if status == 206 else 0)

    def _store(self, answer: Response, url: str, start: int) -> str:
        from urllib3.exceptions import HTTPError, ReadTimeoutError

        length = answer.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else self.size
        received, host = start, host_of(url)
        # As sent: the published checksum is that of the compressed file.
        chunks = answer.raw.stream(_CHUNK, decode_content=False)
        try:
            first = next(chunks, b"")
            _refuse_web_page(answer, first, host)
            self.resumed = self.resumed or start > 0
            with self.part.open("ab" if start else "wb") as stream:
                for chunk in chain([first], chunks):
                    stream.write(chunk)
                    received += len(chunk)
                    self.listener(received, total)
                    self._refuse_flood(received, host)
        except ReadTimeoutError:
            why = f"{host} stopped sending after {_amount(received, total)}"
            remember_silent(url, why)
            raise DownloadError(why) from None
        except HTTPError:
            return f"the connection to {host} broke after {_amount(received, total)}"
        return ""

    def _refuse_flood(self, received: int, host: str) -> None:
        if self.size and received > 2 * self.size + _CHUNK:
            self.part.unlink()
            raise DownloadError(f"{host} sends more than the {self.size} bytes of the file")


def _refuse_web_page(answer: Response, first: bytes, host: str) -> None:
    # Log-in pages and notices come with status 200.
    if answer.headers.get("Content-Type", "").startswith("text/html") and first.lstrip()[:1] == b"<":
        raise DownloadError(f"{host} sends a web page in place of the file")


def _amount(received: int, total: int) -> str:
    return f"{received} of {total} bytes" if total else f"{received} bytes"


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _progress(label: str) -> Iterator[Listener]:
    """What to tell bytes received and expected: a bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _received, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda received, total: bar.update(task, completed=received, total=total or None)
