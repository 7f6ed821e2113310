"""The Grafana dashboard and the Prometheus alerts use metrics that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from core.jobs.workers import WorkerInfo
from core.store.workers import WorkerRegistry

ROOT = Path(__file__).parent.parent.parent


def expressions() -> dict[str, str]:
    board = json.loads((ROOT / "deploy/grafana/dashboards/easel.json").read_text())
    expressions = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in board["panels"]
        for target in panel["targets"]
    }
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]:
        expressions |= {rule["alert"]: rule["expr"] for rule in group["rules"]}
    return expressions


def test_the_dashboard_and_the_alerts_use_metrics_of_the_api(
    client: httpx.Client, redis: Redis
) -> None:
    WorkerRegistry(redis).announce(
        WorkerInfo(
            id="host:1",
            device="cpu",
            networks=(),
            memory_total_bytes=1,
            memory_available_bytes=1,
            resident_bytes=1,
            steps=1,
            steps_per_second=1.0,
            job_id=None,
        )
    )
    redis.hset("easel:sweeps", "completed", 1)
    client.get("/healthz")
    available = {
        name
        for family in text_string_to_metric_families(client.get("/metrics").text)
        # A labelled counter has no sample before its first increment.
        for name in (f"{family.name}_total", *(sample.name for sample in family.samples))
    }
    for where, expression in expressions().items():
        used = set(re.findall(r"\b(?:easel|process)_[a-z_]+", expression))
        assert used or expression.startswith("absent(up{"), where
        assert used <= available, where


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    board = json.loads((ROOT / "deploy/grafana/dashboards/easel.json").read_text())
    covered: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & covered, panel["title"]
        assert max(x for x, _ in cells) < 24
        covered |= cells
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
