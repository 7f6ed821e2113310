"""What ``bench.neighbours`` runs beside: programs that keep cores busy, and groups of one core."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.runtime.cpu import OtherProcesses

#: A process that is always busy.
BUSY = f"{shlex.quote(sys.executable)} -c 'while True: pass'"

#: A page that draws two thousand moving, translucent discs in each frame.
_ANIMATION = """<canvas width="1280" height="720"></canvas><script>
const pen = document.querySelector("canvas").getContext("2d");
function draw(now) {
  pen.clearRect(0, 0, 1280, 720);
  for (let i = 0; i < 2000; i++) {
    pen.fillStyle = `hsla(${i}, 80%, 50%, 0.2)`;
    pen.beginPath();
    pen.arc(640 + 600 * Math.sin(now / 900 + i), 360 + 340 * Math.cos(now / 700 + 2 * i), 20, 0, 7);
    pen.fill();
  }
  requestAnimationFrame(draw);
}
requestAnimationFrame(draw);
</script>"""

#: How long a program may take to start, and how long its use of the cores is measured.
_START_SECONDS = 4.0
_MEASURE_SECONDS = 3.0


@dataclass(frozen=True)
class Neighbour:
    """A program that runs until it is stopped."""

    name: str
    command: str


@contextmanager
def neighbours() -> Iterator[list[Neighbour]]:
    """Yield a compile job and a browser with an animation, as far as they are installed."""
    with tempfile.TemporaryDirectory(prefix="easel-bench-") as folder:
        yield [*_compile_job(Path(folder)), *_browser(Path(folder))]


def _compile_job(folder: Path) -> Iterator[Neighbour]:
    """Compile for ever, with as many compilers at a time as there are processors."""
    if shutil.which("cc") is None:
        return
    function = "int f%d(int *a, int n) { int s = %d; while (n--) s += a[n] * a[s & n]; return s; }"
    source = folder / "functions.c"
    source.write_text("\n".join(function % (i, i) for i in range(3000)))
    again = f"while true; do cc -O2 -c -o /dev/null {shlex.quote(str(source))}; done"
    jobs = os.cpu_count() or 1
    command = f"sh -c {shlex.quote(f'for i in $(seq {jobs}); do ({again}) & done; wait')}"
    yield Neighbour(f"a compile job (make -j{jobs})", command)


def _browser(folder: Path) -> Iterator[Neighbour]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return
    page = folder / "animation.html"
    page.write_text(_ANIMATION)
    # Root may not use the browser's own sandbox.
    options = f"--headless=new --no-sandbox --disable-gpu --user-data-dir={folder}/profile"
    yield Neighbour("Chromium with an animation", f"{chromium} {options} {page.as_uri()}")


@contextmanager
def running(commands: tuple[str, ...]) -> Iterator[None]:
    """Run programs beside the block, and end them with all processes that they have started."""
    null = subprocess.DEVNULL
    started = [
        subprocess.Popen(shlex.split(line), stdout=null, stderr=null, start_new_session=True)
        for line in commands
    ]
    try:
        yield
    finally:
        for program in started:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()


def demand(command: str) -> float:
    """Return how many cores a program keeps busy while it has all of them."""
    with running((command,)):
        time.sleep(_START_SECONDS)
        others = OtherProcesses()
        time.sleep(_MEASURE_SECONDS)
        return others.cores()


class OneCore:
    """A cgroup with a quota of one core, or else an affinity to one processor.

    Args:
        number: of the group, or of the processor.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._group: Path | None = None
        for root, file, quota in (
            (Path("/sys/fs/cgroup"), "cpu.max", "100000 100000"),
            (Path("/sys/fs/cgroup/cpu"), "cpu.cfs_quota_us", "100000"),  # version 1
        ):
            group = root / f"easel-bench-{number}"
            if not (root / "cgroup.procs").exists():
                continue  # not a cgroup
            try:
                group.mkdir(exist_ok=True)
                (group / file).write_text(quota)
            except OSError:
                with suppress(OSError):
                    group.rmdir()
            else:
                self._group = group
                return

    @property
    def kind(self) -> str:
        """What the processes of the group are restricted by."""
        return "affinity" if self._group is None else "cgroup"

    def enter(self) -> Callable[[], None]:
        """Return a function that a new process calls to enter the group."""
        group, processors = self._group, {self._number}

        def call() -> None:
            if group is None:
                os.sched_setaffinity(0, processors)
            else:
                (group / "cgroup.procs").write_text(str(os.getpid()))

        return call

    def close(self) -> None:
        """Remove the group, which must be empty."""
        if self._group is not None:
            self._group.rmdir()
