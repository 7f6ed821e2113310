"""A client generated from the OpenAPI document, and a client that uses plain fetch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.conftest import QUICK, Running
from tests.examples.test_examples import is_painted

CLIENT = """
import io, sys, time
from pathlib import Path
from easel_client import AuthenticatedClient
from easel_client.api.jobs import cancel_job, create_job, get_job, list_jobs, delete_job
from easel_client.api.pictures import get_result
from easel_client.models import Init, JobRequest, JobStatus, Preset
from easel_client.types import File

url, key, content, style, painted, *params = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key)
given = dict(each.split("=", 1) for each in params)
given.update(size=int(given["size"]), steps=int(given["steps"]))

def file(path):
    return File(payload=io.BytesIO(Path(path).read_bytes()), file_name=path)

request = JobRequest.from_dict(given | {"content": b"", "style": []})
request.content = file(content)
request.style = [file(style)]
answer = create_job.sync_detailed(client=client, body=request, idempotency_key="generated")
assert answer.status_code == 202, answer
job = answer.parsed
while not job.done:
    time.sleep(0.05)
    job = get_job.sync(job.id, client=client)
assert job.status is JobStatus.SUCCEEDED, job
assert job.id in [each.id for each in list_jobs.sync(client=client).items]
refused = create_job.sync(client=client, body=JobRequest(content=file(content), style=[], size=64))
assert refused.code == "invalid_request", refused
assert [each.field for each in refused.errors] == ["style"], refused
# The preset overrides the defaults of the request.
paper = JobRequest(content=file(content), style=[file(style)], preset=Preset.GATYS2015)
other = create_job.sync(client=client, body=paper)
assert (other.params.steps, other.params.pyramid, other.params.init) == (500, "off", Init.NOISE)
assert cancel_job.sync(other.id, client=client).id == other.id
asked = JobRequest(content=file(content), style=[file(style)], size=64, validate_only=True)
assert create_job.sync(client=client, body=asked).valid
Path(painted).write_bytes(get_result.sync_detailed(job.id, client=client).content)
assert delete_job.sync_detailed(job.id, client=client).status_code == 204
assert get_job.sync(job.id, client=client).code == "job_not_found"
"""

FETCH = """
const [url, key, content, style, painted, ...params] = process.argv.slice(2);
const { openAsBlob, writeFileSync } = require("node:fs");
const headers = { authorization: `Bearer ${key}` };
(async () => {
  const form = new FormData();
  for (const each of params) form.append(...each.split("="));
  form.append("content", await openAsBlob(content));
  form.append("style", await openAsBlob(style));
  let job = await (await fetch(`${url}/jobs`, { method: "POST", body: form, headers })).json();
  // A long poll: asking again at once would soon exceed the requests of a minute.
  while (!job.done) {
    job = await (await fetch(new URL(`${job.links.self}?wait=10`, url), { headers })).json();
  }
  const result = await fetch(new URL(job.links.result, url), { headers });
  writeFileSync(painted, Buffer.from(await result.arrayBuffer()));
})();
"""


def test_a_generated_client_completes_a_job(easel: Running, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    pictures = "".join(
        f"  image/{each}: application/octet-stream\n" for each in ("png", "jpeg", "webp", "tiff")
    )
    pictures += "  application/zip: application/octet-stream\n"
    config.write_text(
        f"package_name_override: easel_client\npost_hooks: []\ncontent_type_overrides:\n{pictures}"
    )
    schema = tmp_path / "openapi.json"
    schema.write_text(easel.http.get("/openapi.json").text)
    generated = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", schema, "--output-path", tmp_path / "easel_client", "--config", config),
            "--fail-on-warning",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert generated.returncode == 0, generated.stdout + generated.stderr
    painted = tmp_path / "painted.png"
    params = [f"{name}={value}" for name, value in QUICK.items()]
    used = subprocess.run(
        [
            *(sys.executable, "-c", CLIENT, easel.url, easel.key),
            *(str(easel.content), str(easel.style), str(painted), *params),
        ],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert used.returncode == 0, used.stderr
    assert is_painted(painted.read_bytes())


@pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed")
def test_plain_fetch_completes_a_job(easel: Running, tmp_path: Path) -> None:
    script, painted = tmp_path / "paint.cjs", tmp_path / "painted.png"
    script.write_text(FETCH)
    params = [f"{name}={value}" for name, value in QUICK.items()]
    paths = [str(each) for each in (easel.content, easel.style, painted)]
    command = ["node", str(script), easel.url, easel.key, *paths, *params]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert is_painted(painted.read_bytes())
