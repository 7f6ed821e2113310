"""The examples that follow the events of a job."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.examples.conftest import QUICK, Running
from tests.examples.test_examples import EXAMPLES, environment, is_painted, run

needs_node = pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed")


@pytest.fixture
def proxy(easel: Running) -> Iterator[str]:
    """The example proxy, on a free port."""
    process = subprocess.Popen(
        ["node", str(EXAMPLES / "proxy.mjs")],
        env={**environment(easel), "PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.terminate()
    process.wait(timeout=60)
    process.stdout.close()


@needs_node
def test_the_proxy_adds_the_key_and_forwards_the_job(proxy: str, easel: Running) -> None:
    with httpx.Client(base_url=proxy, timeout=60) as page:  # it has no key
        files = {"content": easel.content.read_bytes(), "style": easel.style.read_bytes()}
        headers = {"Idempotency-Key": "order 42"}
        posted = page.post("/jobs", files=files, data=QUICK, headers=headers)
        assert posted.status_code == 202, posted.text
        job = posted.json()
        again = page.post("/jobs", files=files, data=QUICK, headers=headers)
        assert again.json()["id"] == job["id"]
        refused = page.post("/jobs", files=files, data={"size": "1"})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "size")
        with page.stream("GET", job["links"]["events"]) as events:
            text = "".join(events.iter_text())
        assert "event: succeeded" in text
        picture = page.get(job["links"]["result"])
        assert is_painted(picture.content)
        same = page.get(job["links"]["result"], headers={"If-None-Match": picture.headers["etag"]})
        assert same.status_code == 304
        assert page.get("/jobs").status_code == 404
        assert page.get("/jobs/..%2Fmetrics").status_code == 404
        assert page.post(job["links"]["cancel"]).json()["status"] == "succeeded"


#: Node 20 has fetch, FormData and File, but no EventSource, so this is a minimal one.
BROWSER = """
import {{ openAsBlob }} from "node:fs";
import {{ paint }} from {module};

const key = {{ authorization: `Bearer ${{process.env.EASEL_API_KEY}}` }};
const send = globalThis.fetch;
globalThis.fetch = (url, options = {{}}) =>
  send(url, {{ ...options, headers: {{ ...options.headers, ...key }} }});
globalThis.EventSource = class extends EventTarget {{
  constructor(url) {{ super(); this.read(url); }}
  async read(url) {{
    let text = "";
    const decoder = new TextDecoder();
    for await (const part of (await fetch(url)).body) {{
      text += decoder.decode(part, {{ stream: true }});
      const blocks = text.split("\\n\\n");
      text = blocks.pop();
      for (const block of blocks) {{
        const fields = Object.fromEntries(block.split("\\n").map((line) => line.split(/: (.*)/s)));
        if (fields.event) this.dispatchEvent(new MessageEvent(fields.event, fields));
      }}
    }}
  }}
  close() {{}}
}};

const [content, style] = await Promise.all(process.argv.slice(2).map((path) => openAsBlob(path)));
const fractions = [];
const url = await paint(process.env.EASEL_SERVER, {{ content, style, ...{params} }},
  (progress) => fractions.push(progress.fraction));
console.log(JSON.stringify({{ url, fractions }}));
const refused = await paint(process.env.EASEL_SERVER, {{ content, style, size: 1 }})
  .catch((error) => error);
console.log(refused.message);
"""


@needs_node
def test_the_browser_module_creates_a_picture_with_a_signed_url(
    easel: Running, tmp_path: Path
) -> None:
    script = tmp_path / "browser.mjs"
    # The suffix .mjs makes it a module, like type="module" in the page.
    module = tmp_path / "easel.mjs"
    shutil.copy(EXAMPLES / "easel.js", module)
    params = json.dumps(QUICK)
    script.write_text(BROWSER.format(module=json.dumps(str(module)), params=params))
    done = run(easel, "node", script, easel.content, easel.style)
    assert done.returncode == 0, done.stderr
    painted, refused = done.stdout.splitlines()
    answer = httpx.get(json.loads(painted)["url"])
    assert is_painted(answer.content)
    assert "size: '1' is invalid" in refused
