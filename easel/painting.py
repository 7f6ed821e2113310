"""Style transfer in this process, a step at a time. Needs torch: the extra ``worker``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from core.errors import PackageMissing
from core.params import Network, StyleParams, parse_params
from core.params.edits import Edits
from core.pictures.inspection import inspect
from core.pictures.provenance.record import Digests, Machine
from core.pictures.provenance.xmp import metadata_of
from core.pictures.uploads import Upload, Uploads, start_from
from core.runtime.cpu import OtherProcesses
from core.settings.model import Settings
from easel.pictures import Picture, read_files, split_fields

if TYPE_CHECKING:
    import torch

    from core.nst import VGG19, Step


class Painting(Iterator["Step"]):
    """A run of the optimiser, which makes a step whenever the next one is asked for.

    Iterating yields a :class:`core.nst.Step` after every step: its ``step`` of ``steps``, its
    ``loss``, ``picture()`` and ``checkpoint()``. The first one is the start, step 0. Stop
    iterating to stop the work.

    Attributes:
        warnings: sentences about pictures that were read with losses, the number format, what
            differs from an earlier machine, and a result that cannot say how it was made.

    Args:
        uploads: the pictures.
        params: the parameters.
        settings: the settings.
        resume: the checkpoint of a step of the same request, to go on from.
        edits: changes of the parameters, as :attr:`edits` of an earlier run has them.
        machine: what computed an earlier run, whose bytes are wanted again.
    """

    def __init__(
        self,
        uploads: Uploads,
        params: StyleParams,
        settings: Settings,
        resume: bytes | None = None,
        edits: Edits = (),
        machine: Machine | None = None,
    ) -> None:
        try:
            from core import nst
        except ModuleNotFoundError as error:
            raise PackageMissing(
                f"{error.name} is not installed; install it with: pip install 'easel[worker]'"
            ) from error
        from worker.host.device import device_of

        check = partial(inspect, max_pixels=settings.max_picture_pixels)
        self.warnings: tuple[str, ...] = uploads.check(params, check).warnings
        self._settings = settings
        self._pictures = uploads.load(settings.max_picture_pixels)
        device = device_of(settings)
        if warning := nst.fallback_warning(params.precision, device):
            self.warnings += (warning,)
        self._network = _network(params.network, settings.weights_dir, device)
        memory = {"memory": machine.memory} if machine and machine.memory else {}
        self._run = nst.stylize(self._pictures, params, self._network, resume, edits, **memory)
        self._inputs = Digests.of(uploads.inputs)
        self._first_params = params
        self._machine = machine
        if machine is not None:
            self._compare(machine)
        self._steps = self._with_cores()

    def __next__(self) -> Step:
        """Make a step, and return its record."""
        return next(self._steps)

    @property
    def params(self) -> StyleParams:
        """The parameters of the next step."""
        return self._run.params

    @property
    def edits(self) -> Edits:
        """The changes so far, each with its step."""
        return self._run.edits

    def change(self, **params: object) -> None:
        """Change parameters before the next step. What is painted is kept.

        Args:
            params: new values; ``docs/parameters.md`` says which parameters can change.

        Raises:
            InvalidRequest: a parameter is unknown, cannot change during a run, or has an invalid
                value. The run goes on unchanged.
        """
        self._run.change(**params)

    def finish(self) -> None:
        """Make no more steps. The next record is the last: the picture so far, at full size."""
        self._run.finish()

    def encode(self, step: Step) -> bytes:
        """Return the file of a step's picture, in the format and quality of the parameters.

        It has the transparency of the content, and says how it was made unless ``metadata`` is
        false.
        """
        from core.nst.provenance import provenance_of
        from core.pictures.encode import encode  # NumPy, which the clients do without

        made = provenance_of(self._run, step, self._first_params, self._network, self._inputs)
        xmp, too_long = metadata_of(made, self.params)
        if too_long and too_long not in self.warnings:
            self.warnings += (too_long,)
        params, alpha = self.params, self._pictures.alpha
        return encode(step.pixels(), alpha, params.format, params.quality, xmp).data

    def picture(self, step: Step) -> Image.Image:
        """Return a step's picture in 8 bits, with the transparency of the content."""
        from core.pictures.encode import eight_bits

        return eight_bits(step.pixels(), self._pictures.alpha)

    def _compare(self, machine: Machine) -> None:
        """Warn of what this machine cannot do as the earlier one."""
        from core.nst.provenance import machine_of

        own = machine_of(self._network, self._first_params.precision, machine.memory)
        same_threads = own.model_copy(update={"threads": machine.threads})
        self.warnings += tuple(
            f"the bytes may differ: {each}" for each in machine.differences(same_threads)
        )

    def _with_cores(self) -> Iterator[Step]:
        """Run with a share of the cores, which is given back at the end."""
        from core.nst.provenance import use_threads_of
        from worker.host.cores import SharedCores, open_slots

        others = OtherProcesses()
        with SharedCores(open_slots(self._settings), others=others.cores).job():
            if self._machine is not None:
                use_threads_of(self._machine)
            yield from self._run


def paint(
    content: Picture,
    style: Picture | Sequence[Picture],
    *,
    resume: bytes | None = None,
    edits: Edits = (),
    device: str | None = None,
    **fields: Any,
) -> Painting:
    """Begin to paint the content in the style of one to five style pictures.

    The first call downloads the network's weights into the cache.

    Args:
        content: the photograph: a path, the bytes of a file, or a picture in memory.
        style: the painting, or up to five.
        resume: the checkpoint of a step of the same request, to go on from.
        edits: changes of the parameters, as :attr:`Painting.edits` of an earlier run has them.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; None takes ``EASEL_DEVICE``.
        fields: the parameters (``size=512``, ``strength=0.7``), and further pictures
            (``detail_map``, ``content_mask``, ``style_mask``, ``init_image``).

    Raises:
        InvalidRequest: a parameter or a picture is invalid. Its ``errors`` name each of them.
        WeightsUnavailable: the weights are not cached and cannot be downloaded.
        PackageMissing: torch is not installed.
        CheckpointMismatch: the checkpoint belongs to another request or version of Easel.
        OSError: a picture cannot be read.
    """
    pictures, params = split_fields(content, style, fields)
    given = {name: value for name, value in params.items() if value is not None}
    parsed = parse_params({**start_from(pictures.get("init_image")), **given})
    files: dict[str, list[Upload]] = {}
    for file in read_files(pictures):
        files.setdefault(file.field, []).append(Upload(file.name, file.data))
    settings = Settings() if device is None else Settings(device=device)
    return Painting(Uploads.of(files), parsed, settings, resume, edits)


def stylize(content: Picture, style: Picture | Sequence[Picture], **fields: Any) -> Image.Image:
    """Paint the content in the style of one to five style pictures, and return the picture.

    The arguments and errors are those of :func:`paint`. The picture has 8 bits, its longer side is
    ``size``, 512 by default, and it has the transparency of the content.
    """
    painting = paint(content, style, **fields)
    *_, last = painting
    return painting.picture(last)


@lru_cache(maxsize=1)
def _network(name: Network, folder: Path, device: torch.device) -> VGG19:
    """Return a network; the last one is kept, because loading it takes a second."""
    from core import nst
    from worker.networks import calibration_pictures

    nst.fetch_weights(name, folder, calibration_pictures)
    return nst.load_network(name, folder, device)
