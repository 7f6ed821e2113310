"""Lua scripts share every name with Python; the tests need no Redis."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import create_model

from core.jobs.events import STATUS_EVENTS, EventName
from core.jobs.job import Job, Loss, Mark
from core.jobs.schema_version import SCHEMA
from core.jobs.status import JobStatus
from core.store.scripts import CONSTANTS, script_text
from core.store.serialization import JSON_FIELDS, json_fields, marked_fields
from core.webhooks.webhook import DeliveryState, WebhookEvent
from tests.source import ROOT, relative

LUA = ROOT / "core" / "store" / "lua"
FILES = sorted((ROOT / "core").rglob("*.lua"))
SCRIPTS = [
    path.relative_to(LUA).with_suffix("").as_posix()
    for path in FILES
    if path.is_relative_to(LUA) and "lib" not in path.relative_to(LUA).parts
]

_LITERAL = re.compile(r"'([^'\n]*)'")
_FIELDS = {SCHEMA if name == "schema_version" else name for name in Job.model_fields}


def code(path: Path) -> str:
    return re.sub(r"--.*", "", path.read_text())


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_uses_only_constants_that_python_defines(name: str) -> None:
    assert script_text(name)


def test_every_constant_is_used_by_a_script() -> None:
    used = "\n".join(code(path) for path in FILES)
    names = {"RUN_SECONDS"} | {
        name for name in CONSTANTS if not re.match(r"(STATUS|DELIVERY)_[A-Z]+$", name)
    }
    names -= {f"EVENT_{event.name}" for event in STATUS_EVENTS.values()}  # set_status emits them
    only_python = {
        *("API_KEYS", "LINK_KEY", "CLEANING", "SWEEPS"),
        *("IDEMPOTENCY_PREFIX", "WORKERS_OUT_OF_SERVICE"),
    }
    assert {name for name in names if not re.search(rf"\b{name}\b", used)} == only_python


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_script_repeats_nothing_that_python_defines(path: Path) -> None:
    values = {*JobStatus, *EventName, *DeliveryState, *WebhookEvent} - _FIELDS
    literals = set(_LITERAL.findall(code(path)))
    assert not literals & {str(value) for value in values}
    assert not [text for text in literals if "easel" in text or "job." in text]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_script_has_no_list_of_literals(path: Path) -> None:
    assert not re.search(r"\{\s*(\[?['\d][^{}]*,\s*)+\[?['\d]", code(path))


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_set_status_writes_the_status(path: Path) -> None:
    writes = re.findall(r"'HSET(?:NX)?',[^\n]*'status'", code(path))
    assert len(writes) == (path.name == "set_status.lua")


def test_fields_with_json_are_derived_from_the_model() -> None:
    assert {"params", "inputs", "progress", "webhook", "deliveries"} <= JSON_FIELDS
    assert not {"id", "status", "created_at", "checkpoint", SCHEMA} & JSON_FIELDS


def test_whether_a_field_holds_json_follows_from_its_type() -> None:
    model = create_model(
        "Record", a=(str | None, None), b=(list[int] | None, None), c=(Loss, ...), d=(float, 0)
    )
    assert json_fields(model) == {"b", "c"}


def test_a_field_of_a_type_that_cannot_be_stored_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot store"):
        json_fields(create_model("Record", tags=(set[str], ...)))


def test_private_fields_are_not_in_events() -> None:
    hidden = {*marked_fields(Mark.NOT_IN_EVENTS)}
    assert {"owner", "caller", "inputs", "checkpoint", SCHEMA} <= hidden
    assert not {"status", "progress", "error"} & hidden
