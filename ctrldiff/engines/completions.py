"""One request to a server that speaks OpenAI's completions, with its failures as errors of ours."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, TypeAlias

from ctrldiff.errors import CtrldiffError, InputError

# URL, body, headers and seconds to wait, to status and body. OSError where there was no answer.
Transport: TypeAlias = Callable[[str, bytes, Mapping[str, str], float], tuple[int, bytes]]
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})  # what may be well a moment later


class ServerFailed(CtrldiffError):
    """A server that does not answer, refuses, or answers something else. Fields: status (None without an answer), url,
    tries."""

    code = "SERVER_FAILED"


def http(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
    """A POST by Python's own library."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except HTTPException as error:  # an answer that breaks off, or is none of HTTP
        raise OSError(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class Server:
    """A server at `url` (without `/v1`) that serves `model`.

    Fields:
        key: sent as a bearer token.          timeout_s: of one try.
        retries: more tries after no answer, or one of the statuses in `BUSY`; `wait_s` before the first of them, and
            twice as long before each one after it.
        transport: what does the asking, for proxies, sessions and tests.
    """

    url: str
    model: str
    key: str | None = None
    timeout_s: float = 60.0
    retries: int = 2
    wait_s: float = 0.5
    transport: Transport = http

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise InputError(f"url={self.url!r}: no http:// or https:// before it", param="url")
        if type(self.retries) is not int or self.retries < 0:
            raise InputError(f"retries={self.retries!r}: an int of at least 0", param="retries")

    def complete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What `/v1/completions` answers to a body. Raises: ServerFailed."""
        url = f"{self.url.rstrip('/')}/v1/completions"
        headers = {"Content-Type": "application/json"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key}"
        data = json.dumps({"model": self.model, **body}).encode()
        for tried in range(self.retries + 1):
            status: int | None = None
            try:
                status, answer = self.transport(url, data, headers, self.timeout_s)
                if status == 200:
                    return _object(answer, url, tried + 1)
                said = answer.decode(errors="replace")[:500]
            except OSError as error:  # refused, reset, no such host, timed out
                said = str(error) or type(error).__name__
            if (status is not None and status not in BUSY) or tried == self.retries:
                break
            time.sleep(self.wait_s * 2**tried)
        what = f"status {status}" if status is not None else "no answer"
        hint = "look at what the server says" if status is not None else "is it running, and is this its address?"
        raise ServerFailed(f"{what} from {url}", why=said, hint=hint, status=status, url=url, tries=tried + 1)


def _object(answer: bytes, url: str, tries: int) -> dict[str, Any]:
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ServerFailed(f"{url} answered no JSON object", hint="is it vLLM?", status=200, url=url, tries=tries)
    return value
