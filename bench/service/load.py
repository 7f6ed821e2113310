"""A load test with 100 badly behaved clients: ``python -m bench.service.load --seed 1``.

Each client posts jobs, polls, downloads results, cancels, uploads files that are not pictures and
closes the connection in the middle of an upload, in a random order that depends on the seed. The
API's memory must stay bounded, every accepted job must end, and no answer may be a 5xx except
503 with Retry-After.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil

from tests.conftest import photo, png
from tests.corpus.make import REFUSED, many_frames_gif, photograph, saved
from tests.service.cluster import CONTENT, QUICK, SMALL, STYLE, Cluster

_CLIENTS = 100
_MIB = 2**20

#: The limit of memory for uploads: low, so that the clients reach it.
_HELD = 64 * _MIB
_SETTINGS = {
    **QUICK,
    "EASEL_MAX_HELD_BYTES": str(_HELD),
    "EASEL_MAX_REQUESTS_PER_MINUTE": "1000000",
    "EASEL_MAX_JOBS_PER_CALLER": "150",
    "EASEL_UPLOAD_SECONDS": "5",
}

#: The memory of the API with the pictures that pass through it (docs/operations.md).
_BOUND = 150 * _MIB + 2 * _HELD


class Load:
    """One run of the load test.

    Args:
        cluster: a running service.
        seed: determines what each client does.
        seconds: how long the clients send requests.
    """

    def __init__(self, cluster: Cluster, seed: int, seconds: float) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)
        self._seconds = seconds
        self._accepted: list[str] = []
        self._answers: Counter[str] = Counter()
        self._bad: list[str] = []
        self._polls: list[float] = []
        self._large = saved(photo(2400, 1800), "JPEG", quality=92)
        self._odd = [*(make() for make in REFUSED.values()), many_frames_gif(1000)]
        self._good = [CONTENT, STYLE, photograph("WebP"), photograph("AVIF"), png(photo(300, 200))]

    async def run(self) -> None:
        """Run the clients.

        Raises:
            AssertionError: the API used too much memory or answered with an error of its own.
        """
        address = str(self._cluster.http.base_url)
        async with httpx.AsyncClient(
            base_url=address,
            timeout=60,
            # The server closes idle connections after five seconds; close them before it does.
            limits=httpx.Limits(max_connections=_CLIENTS, keepalive_expiry=2),
        ) as client:
            watch = asyncio.create_task(self._watch())
            end = time.monotonic() + self._seconds
            await asyncio.gather(*(self._visit(client, end) for _ in range(_CLIENTS)))
            watch.cancel()
        self._report()
        assert not self._bad, self._bad[:5]
        assert self._most < _BOUND, f"the api took {self._most / _MIB:.0f} MiB"

    async def _visit(self, client: httpx.AsyncClient, end: float) -> None:
        acts = [self._post, self._post, self._post_large, self._post_odd, self._hang_up]
        acts += [self._poll] * 8 + [self._cancel]
        while time.monotonic() < end:
            await self._random.choice(acts)(client)
            await asyncio.sleep(self._random.random() * 0.3)

    async def _post(self, client: httpx.AsyncClient) -> None:
        await self._send(client, self._random.choice(self._good), STYLE)

    async def _post_large(self, client: httpx.AsyncClient) -> None:
        await self._send(client, self._large, *[self._large] * self._random.randint(1, 4))

    async def _post_odd(self, client: httpx.AsyncClient) -> None:
        await self._send(client, self._random.choice(self._odd), STYLE)

    async def _send(self, client: httpx.AsyncClient, content: bytes, *styles: bytes) -> None:
        files = [("content", content), *(("style", style) for style in styles)]
        fields = {name: str(value) for name, value in {**SMALL, "steps": 3}.items()}
        try:
            answer = await client.post("/jobs", files=files, data=fields)
        except (httpx.WriteError, httpx.ReadError):  # refused before the whole body was read
            self._answers["POST refused early"] += 1
            return
        self._note(answer)
        if answer.status_code == 202:
            self._accepted.append(answer.json()["id"])

    async def _hang_up(self, client: httpx.AsyncClient) -> None:
        """Send part of an upload, then close the connection."""
        url = client.base_url
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(
            b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n"
            b"Content-Type: multipart/form-data; boundary=line\r\n\r\n"
            b'--line\r\nContent-Disposition: form-data; name="content"; filename="x"\r\n\r\n'
        )
        writer.write(self._large[: self._random.randrange(1_000_000)])
        await asyncio.sleep(self._random.random() * 2)
        writer.transport.abort()
        self._answers["upload aborted"] += 1

    async def _poll(self, client: httpx.AsyncClient) -> None:
        if self._accepted:
            job_id = self._random.choice(self._accepted[-300:])
            path = self._random.choice(("", "", "", "/result"))
            began = time.monotonic()
            self._note(await client.get(f"/jobs/{job_id}{path}"))
            self._polls.append(time.monotonic() - began)

    async def _cancel(self, client: httpx.AsyncClient) -> None:
        if self._accepted:
            job_id = self._random.choice(self._accepted[-300:])
            self._note(await client.post(f"/jobs/{job_id}/cancel"))

    def _note(self, answer: httpx.Response) -> None:
        self._answers[f"{answer.request.method} {answer.status_code}"] += 1
        overloaded = answer.status_code == 503 and "retry-after" in answer.headers
        if answer.status_code >= 500 and not overloaded:
            self._bad.append(f"{answer.request.url}: {answer.status_code} {answer.text}")

    async def _watch(self) -> None:
        api = psutil.Process(self._cluster.api.popen.pid)
        self._first = api.memory_info().rss
        self._most = self._most_decoding = 0
        while True:
            self._last = api.memory_info().rss
            self._most = max(self._most, self._last)
            decoding = 0
            for child in api.children():
                try:
                    decoding += child.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self._most_decoding = max(self._most_decoding, decoding)
            await asyncio.sleep(0.2)

    def _report(self) -> None:
        polls = sorted(self._polls)
        print(f"answers: {dict(sorted(self._answers.items()))}")
        print(
            f"memory of the API: {self._first / _MIB:.0f} MiB at first, "
            f"{self._most / _MIB:.0f} at most, {self._last / _MIB:.0f} at the end; "
            f"of its decoders: {self._most_decoding / _MIB:.0f} at most"
        )
        print(f"polls: half within {polls[len(polls) // 2]:.2f} s, the slowest {polls[-1]:.2f} s")

    def check_jobs(self) -> None:
        """Wait for every accepted job to end, and print the final statuses."""
        statuses = Counter(self._final_status(job_id) for job_id in self._accepted)
        print(f"accepted jobs: {dict(statuses)}")

    def _final_status(self, job_id: str) -> str:
        job = self._cluster.store.get(job_id)
        job = job if job.status.done else self._cluster.ended(job_id, within=300)
        return job.status.value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="easel-load-") as folder:
        cluster = Cluster(Path(folder), **_SETTINGS)
        try:
            cluster.start(workers=1)
            load = Load(cluster, options.seed, options.seconds)
            asyncio.run(load.run())
            load.check_jobs()
            cluster.assert_sound([])
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
