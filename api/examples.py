"""The examples and summaries of the OpenAPI document."""

from __future__ import annotations

import json
from typing import Any

from api.answers.job_json import job_document
from core.params import StyleParams

_ID = "01a2034d-a0dd-75cf-ba55-f08cc12def8b"

_RECORD = {
    "id": _ID,
    "status": "running",
    "attempt": "1",
    "params": StyleParams(size=256).model_dump_json(),
    "progress": json.dumps(
        {
            "step": 40,
            "steps": 100,
            "fraction": 0.4,
            "scale": 0,
            "scales": 1,
            "width": 256,
            "height": 170,
            "loss": {"total": 261.8, "content": 7.1, "style": 0.2547, "tv": 0.0187},
            "eta_seconds": 16.2,
        }
    ),
    "preview_version": "5",
    "created_at": "1795351748.830465",
    "started_at": "1795351748.875748",
}

#: A running job.
JOB: dict[str, Any] = json.loads(job_document(_RECORD, position=None))

_QUERY = "?expires=1795352948&signature=gq0lmcV8vb3Y0b0mJ7h2mC9z4cS1m0J8cJ1T5sXoUuA"

#: The examples, by the name of their schema.
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
        "content": f"/jobs/{_ID}/content{_QUERY}",
        "film": f"/jobs/{_ID}/film{_QUERY}",
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

#: A picture in JSON, which is cut here.
_DATA_URL = "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQEASABIAAD/2wBD"

_FORM = "multipart/form-data"
_JSON = "application/json"

#: The example of a request, by operation and media type.
REQUESTS: dict[str, dict[str, dict[str, Any]]] = {
    "create_job": {
        _FORM: {"content": "photo.jpg", "style": ["painting.jpg"], "strength": 0.6, "size": 512},
        _JSON: {"content": _DATA_URL, "style": [_DATA_URL], "strength": 0.6, "size": 512},
    },
    "edit_job": {
        "application/merge-patch+json": {"strength": 0.8, "style_scale": 1.5},
        _JSON: {"strength": 0.8, "style_scale": 1.5},
    },
    "create_batch": {
        _FORM: {
            "content": ["beach.jpg", "forest.jpg"],
            "style": ["painting.jpg"],
            "mode": "grid",
            "size": 512,
        },
        _JSON: {
            "content": [_DATA_URL, _DATA_URL],
            "style": [_DATA_URL],
            "mode": "grid",
            "size": 512,
        },
    },
}
