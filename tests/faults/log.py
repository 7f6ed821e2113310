"""The log lines of all processes of a cluster, in the order they came in."""

from __future__ import annotations

import json
import threading
import time
from typing import IO, Any

#: Left out of what is shown of a log.
_OFTEN = "checkpoint saved"


class Log:
    """Collects lines in the background; tests wait for the ones they need."""

    def __init__(self) -> None:
        self._lines: list[dict[str, Any]] = []
        self._came = threading.Condition()

    def read(self, stream: IO[str] | None, process: str) -> None:
        """Collect from a process until its end."""
        assert stream is not None
        threading.Thread(target=self._collect, args=(stream, process), daemon=True).start()

    def mark(self) -> int:
        """Where the log ends now, for ``after``."""
        return len(self._lines)

    def since(self, mark: int, message: str, **fields: object) -> list[dict[str, Any]]:
        """The lines from a mark on with that message and those fields."""
        return [line for line in self._lines[mark:] if matches(line, message, fields)]

    def strange(self) -> list[str]:
        """The lines that are no JSON, as an interpreter writes them while it dies."""
        return [line["message"] for line in self._lines if line.get("strange")]

    def wait(
        self, message: str, *, after: int = 0, within: float = 90, **fields: object
    ) -> dict[str, Any]:
        """The first such line after the mark; wait for it if need be."""
        end = time.monotonic() + within
        with self._came:
            while not (found := self.since(after, message, **fields)):
                left = end - time.monotonic()
                if left <= 0 or not self._came.wait(left):
                    told = [line for line in self._lines[after:] if line["message"] != _OFTEN]
                    tail = "\n".join(str(line) for line in told[-30:])
                    raise AssertionError(f"no line {message!r} with {fields} after:\n{tail}")
        return found[0]

    def _collect(self, stream: IO[str], process: str) -> None:
        for text in stream:
            try:
                line = json.loads(text)
            except ValueError:
                line = {"message": text.rstrip(), "strange": True}
            with self._came:
                self._lines.append({**line, "process": process, "number": len(self._lines)})
                self._came.notify_all()
        stream.close()


def matches(line: dict[str, Any], message: str, fields: dict[str, object]) -> bool:
    return line["message"] == message and fields.items() <= line.items()
