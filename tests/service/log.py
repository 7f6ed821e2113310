"""The log lines of all processes of a service, in the order in which they arrived."""

from __future__ import annotations

import json
import threading
import time
from typing import IO, Any

#: A frequent message, left out when a log is shown.
_FREQUENT = "checkpoint saved"


class Log:
    """Collects log lines in the background, and lets tests wait for the ones they need."""

    def __init__(self) -> None:
        self._lines: list[dict[str, Any]] = []
        self._arrived = threading.Condition()

    def read(self, stream: IO[str] | None, process: str) -> None:
        """Collect the lines of a process until it ends."""
        assert stream is not None
        threading.Thread(target=self._collect, args=(stream, process), daemon=True).start()

    def mark(self) -> int:
        """Return the current end of the log, to be passed as ``after``."""
        return len(self._lines)

    def since(self, mark: int, message: str, **fields: object) -> list[dict[str, Any]]:
        """Return the lines after a mark that have this message and these fields."""
        return [line for line in self._lines[mark:] if matches(line, message, fields)]

    def not_json(self) -> list[str]:
        """Return the lines that are not JSON, such as those of an interpreter that crashes."""
        return [line["message"] for line in self._lines if line.get("not_json")]

    def wait(
        self, message: str, *, after: int = 0, within: float = 90, **fields: object
    ) -> dict[str, Any]:
        """Return the first such line after a mark, waiting for it if necessary.

        Args:
            message: the message of the line.
            after: ignore the lines before this mark.
            within: how many seconds to wait at most.
            fields: fields that the line must have.
        """
        end = time.monotonic() + within
        with self._arrived:
            while not (matching := self.since(after, message, **fields)):
                left = end - time.monotonic()
                if left <= 0 or not self._arrived.wait(left):
                    tail = self.tail(after)
                    raise AssertionError(f"no line {message!r} with {fields} after:\n{tail}")
        return matching[0]

    def tail(self, mark: int) -> str:
        """Return the last lines after a mark, for the message of an assertion."""
        lines = [line for line in self._lines[mark:] if line["message"] != _FREQUENT]
        return "\n".join(str(line) for line in lines[-30:])

    def _collect(self, stream: IO[str], process: str) -> None:
        for text in stream:
            try:
                line = json.loads(text)
            except ValueError:
                line = {"message": text.rstrip(), "not_json": True}
            with self._arrived:
                self._lines.append({**line, "process": process, "number": len(self._lines)})
                self._arrived.notify_all()
        stream.close()


def matches(line: dict[str, Any], message: str, fields: dict[str, object]) -> bool:
    return line["message"] == message and fields.items() <= line.items()
