"""Firefox, driven over WebDriver BiDi, which the browser itself serves."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

from tests.page.conftest import PATIENCE_MS

_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


class Firefox:
    """A headless Firefox with a new profile and one page.

    Args:
        program: the path of the browser.
        profile: an empty folder for its profile.
    """

    def __init__(self, program: str, profile: Path) -> None:
        self._command = [
            program, "--headless", "--no-remote", "--profile", str(profile),
            "--remote-debugging-port", "0",
        ]  # fmt: skip
        self._ids = itertools.count(1)
        #: The errors that the page reported.
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            process = stack.enter_context(
                subprocess.Popen(
                    self._command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
                )
            )
            stack.callback(process.terminate)
            self._socket = stack.enter_context(connect(f"{_url(process)}/session", max_size=None))
            self._send("session.new", capabilities={})
            self._page = self._send("browsingContext.getTree")["contexts"][0]["context"]
            self._send("session.subscribe", events=["log.entryAdded"])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, url: str) -> None:
        """Load a page."""
        self._send("browsingContext.navigate", context=self._page, url=url, wait="complete")

    def run(self, expression: str) -> Any:
        """Return the value of an expression, which may be a promise."""
        result = self._send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._page},
            awaitPromise=True,
        )
        if result["type"] == "exception":
            raise AssertionError(result["exceptionDetails"]["text"])
        text = result["result"].get("value")
        return None if text is None else json.loads(text)

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        reached = self.run(
            f"""new Promise((resolve) => {{
                const end = Date.now() + {PATIENCE_MS};
                const check = () => {{
                    if ({expression}) resolve(true);
                    else if (Date.now() > end) resolve(document.body.innerText);
                    else setTimeout(check, 50);
                }};
                check();
            }})"""
        )
        assert reached is True, f"{expression} is never true on: {reached}"

    def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse."""
        self.wait(f"document.querySelector({json.dumps(selector)})")
        x, y = self.run(
            f"""(() => {{
                const element = document.querySelector({json.dumps(selector)});
                element.scrollIntoView({{ block: "center" }});
                const {{ left, top, width, height }} = element.getBoundingClientRect();
                return [Math.round(left + width / 2), Math.round(top + height / 2)];
            }})()"""
        )
        moves = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self._send(
            "input.performActions",
            context=self._page,
            actions=[{"type": "pointer", "id": "mouse", "actions": moves}],
        )

    def fill(self, selector: str, text: str) -> None:
        """Type a text in place of that of a field."""
        self.run(
            f"""(() => {{
                const field = document.querySelector({json.dumps(selector)});
                field.value = {json.dumps(text)};
                field.dispatchEvent(new Event("input", {{ bubbles: true }}));
            }})()"""
        )

    def _send(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=2 * PATIENCE_MS / 1000))
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.errors.append(message["params"]["text"])
            if message.get("id") == number:
                assert message["type"] == "success", message
                return message["result"]


def _url(process: subprocess.Popen[str]) -> str:
    """Return the address at which the browser listens, once it does."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := _LISTENING.search(line):
            return found[1]
    raise AssertionError("Firefox ended before it listened")
