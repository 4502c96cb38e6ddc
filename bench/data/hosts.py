"""Asking a host for a file, with an end to waiting: a machine without network must not hang."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from requests import Response

__all__ = ["SilentHostError", "ask", "host_of", "is_private", "is_silent", "remember_silent"]

_CONNECT_SECONDS = 10.0
_STALL_SECONDS = 30.0
# Looking up a name and trying each of its addresses have no common limit of their own.
_ANSWER_SECONDS = 20.0

# Why hosts gave no answer to this process: asking them again for every file would take minutes.
_SILENT: dict[str, str] = {}


class SilentHostError(Exception):
    """A host that cannot be reached; the message says which, and why if that is known."""


class _InClearError(ValueError):
    """A host that sends on to an address without encryption, as a sentence."""


def is_private(url: str) -> bool:
    """Whether nobody on the way can alter what comes from `url`: it is encrypted, or does not leave this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))


def host_of(url: str) -> str:
    """Host of `url`, with its port where one is given."""
    return urlsplit(url).netloc.rpartition("@")[2]


def is_silent(url: str) -> str:
    """What is known against the host of `url` since an earlier failure in this process; empty if nothing."""
    return _SILENT.get(host_of(url), "")


def remember_silent(url: str, why: str) -> None:
    """Do not ask the host of `url` again in this process."""
    _SILENT[host_of(url)] = why


def ask(url: str, start: int = 0) -> Response:
    """Ask for `url` from byte `start` on; the body has not been read yet, and the caller closes the answer.

    Raises
    ------
    SilentHostError
        If no answer comes within some seconds, or one that leads to an address without encryption; the host is
        remembered.
    """
    answer: Future[Response] = Future()
    # Not a pool: its threads are waited for at exit, this one may hang in a name look-up.
    Thread(target=_answer, args=(answer, url, start), daemon=True).start()
    try:
        return answer.result(timeout=_ANSWER_SECONDS)
    except TimeoutError:
        answer.add_done_callback(_discard)
        why = f"{host_of(url)} cannot be reached (no answer)"
    except _InClearError as error:
        why = str(error)
    except (OSError, ValueError) as error:
        why = f"{host_of(url)} cannot be reached{_reason(error)}"
    remember_silent(url, why)
    raise SilentHostError(why)


def _answer(answer: Future[Response], url: str, start: int) -> None:
    import requests

    # Not compressed on the way, since byte positions count in the file itself.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
    limits = (_CONNECT_SECONDS, _STALL_SECONDS)
    try:
        answer.set_result(
            requests.get(url, headers=headers, stream=True, timeout=limits, hooks={"response": _refuse_in_clear})
        )
    except (OSError, ValueError) as error:
        answer.set_exception(error)


def _refuse_in_clear(answer: Response, **_options: object) -> None:
    """Before a redirection is followed: it must not lead to where anybody on the way could alter the file."""
    target = urljoin(answer.url, answer.headers.get("Location", ""))
    if answer.is_redirect and not is_private(target):
        answer.close()
        raise _InClearError(f"{host_of(answer.url)} sends on to {host_of(target)} without encryption")


def _discard(answer: Future[Response]) -> None:
    if answer.exception() is None:
        answer.result().close()


def _reason(error: Exception) -> str:
    from requests.exceptions import ProxyError, SSLError

    if isinstance(error, ProxyError):
        return " (the proxy refuses)"
    if isinstance(error, SSLError):
        return " (its certificate cannot be verified)"
    return ""
