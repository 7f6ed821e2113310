"""What answers look like, for the api's description."""

from __future__ import annotations

from typing import Any

from core.params import StyleParams

_ID = "01a2034d-a0dd-75cf-ba55-f08cc12def8b"

#: A job on its way.
JOB: dict[str, Any] = {
    "id": _ID,
    "status": "running",
    "done": False,
    "queue_position": None,
    "estimated_start_at": None,
    "params": StyleParams(size=256).model_dump(mode="json"),
    "progress": {
        "step": 40,
        "steps": 100,
        "fraction": 0.4,
        "scale": 0,
        "scales": 1,
        "width": 256,
        "height": 170,
        "loss": {"total": 261.8, "content": 7.1, "style": 0.2547, "tv": 0.0187},
        "eta_seconds": 16.2,
        "preview_version": 5,
    },
    "error": None,
    "created_at": "2026-11-22T12:49:08.830465Z",
    "started_at": "2026-11-22T12:49:08.875748Z",
    "finished_at": None,
    "expires_at": None,
    "metrics": {
        "queued_seconds": 0.045,
        "run_seconds": None,
        "optimize_seconds": None,
        "steps": None,
        "device": None,
        "peak_memory_bytes": None,
        "attempts": 1,
    },
    "webhook": None,
    "links": {
        "self": f"/jobs/{_ID}",
        "result": f"/jobs/{_ID}/result",
        "preview": f"/jobs/{_ID}/preview",
        "events": f"/jobs/{_ID}/events",
        "cancel": f"/jobs/{_ID}/cancel",
        "signed": f"/jobs/{_ID}/links",
    },
}

_QUERY = "?expires=1795352948&signature=gq0lmcV8vb3Y0b0mJ7h2mC9z4cS1m0J8cJ1T5sXoUuA"

#: By the name of their schema.
EXAMPLES: dict[str, dict[str, Any]] = {
    "JobView": JOB,
    "JobPage": {"items": [JOB], "next_cursor": _ID},
    "Estimate": {
        "valid": True,
        "params": JOB["params"],
        "memory_bytes": 1225523200,
        "queue_position": 3,
        "start_seconds": 81.0,
        "run_seconds": 27.0,
    },
    "SignedLinks": {
        "result": f"/jobs/{_ID}/result{_QUERY}",
        "preview": f"/jobs/{_ID}/preview{_QUERY}",
        "events": f"/jobs/{_ID}/events{_QUERY}",
        "expires_at": "2026-11-22T13:49:08Z",
    },
    "Version": {
        "version": "0.1.0",
        "networks": ["vgg19-normalized", "vgg19-torchvision"],
        "devices": ["cpu"],
        "workers": 1,
    },
}
