"""A Neural Algorithm of Artistic Style, on one page.

Gatys, Ecker and Bethge, 2015 (arXiv 1508.06576). Departures from the paper are marked where they
are made, and listed in ``docs/algorithm.md``.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from core.nst.checkpoint import Request
from core.nst.descent import Descent
from core.nst.network.precision import pick_format
from core.nst.network.rows.strips import USUAL_MEMORY
from core.nst.network.vgg19 import VGG19
from core.nst.objective import Objective
from core.nst.optimizers.optimizer import make_optimizer
from core.nst.optimizers.point import LossTerms, State
from core.nst.scale import Scales
from core.nst.step import Step
from core.params import StyleParams
from core.params.edits import Edit, Edits, check_blend, differences, edited, tuned
from core.params.schedule import Phase, Schedule, schedule
from core.pictures.bundle import Pictures


def stylize(
    pictures: Pictures,
    params: StyleParams,
    network: VGG19,
    resume: bytes | None = None,
    edits: Edits = (),
    memory: int = USUAL_MEMORY,
) -> Run:
    """Paint the content in the style of the style pictures.

    Args:
        pictures: the content, the styles, and optionally masks and a picture to start from.
        params: see :class:`core.params.StyleParams`.
        network: the network whose features are compared. The work happens on its device.
        resume: the checkpoint of a step of the same request. The run continues there, and gives
            the same picture as an uninterrupted one, bit for bit on the same device: sums depend
            on the number of threads and the memory, and it keeps those that it began with. With
            less memory, strips of large pictures are lower, and the picture differs by rounding.
        edits: :attr:`Run.edits` of an earlier run, whose picture is painted again.
        memory: what the run may use of the device's memory, in bytes. It decides the strips.

    Returns:
        An iterator over the start as step 0 (or the step resumed from) and a record after every
        update; on a GPU, after every tenth update of a small picture, which would otherwise wait
        for the caller. The last record has the result. Stop iterating to stop the work.

    Raises:
        InvalidRequest: a picture is too long and thin, or a mask does not fit.
        LossNotFinite: the loss became infinite or not a number, and stayed so.
        CheckpointMismatch: the checkpoint belongs to another request or version of Easel.
    """
    return Run(pictures, params, network, resume, edits, memory)


class Run(Iterator[Step]):
    """A run, whose parameters may change between two steps; see :func:`stylize`.

    ``memory`` is the argument, or that of the resumed run if it is smaller.
    """

    def __init__(
        self,
        pictures: Pictures,
        params: StyleParams,
        network: VGG19,
        resume: bytes | None,
        edits: Edits,
        memory: int,
    ) -> None:
        self._number_format = pick_format(params.precision, network.device)
        self._network = network.using(self._number_format, params.pooling, params.padding)
        self._pictures = pictures
        self._params = params
        self.memory = memory
        self._scales = Scales(pictures, params, self._network, memory)
        #: Edits to come, by step.
        self._coming = [edit for edit in edits if edit.step is not None]
        self._noted: Edits = ()
        #: The steps made in all phases, and the last ones that were yielded.
        self._made, self._yielded = 0, -1
        #: Whether the last record was yielded.
        self._complete = False
        self._steps = self._paint(resume)

    def __next__(self) -> Step:
        """Return the next record.

        Raises:
            StopIteration: the run has made its steps. It goes on after an edit that adds some.
        """
        if self._complete and self._coming:
            self._steps = self._go_on()
        return next(self._steps)

    @property
    def edits(self) -> Edits:
        """The changes so far, also those that the next step makes."""
        return (*self._noted, *filter(self._is_due, self._coming))

    @property
    def params(self) -> StyleParams:
        """The parameters of the next step."""
        return edited(self._params, list(filter(self._is_due, self._coming)))

    def change(self, **changes: object) -> None:
        """Change parameters before the next step. What is painted is kept.

        Args:
            changes: new values by the name of the parameter, as ``PATCH /jobs/{id}`` has them.

        Raises:
            InvalidRequest: a parameter is unknown, cannot change during a run, or has an invalid
                value. The run goes on unchanged.
        """
        params = tuned(self.params, changes)
        masked = self._pictures.content_mask is not None
        check_blend(params, len(self._pictures.styles), masked=masked)
        self._scales.with_params(params).check(params.size)
        if values := differences(self.params, params):
            self.edit(Edit(step=self._made, params=values))

    def finish(self) -> None:
        """Make no more steps. The next record is the last: the picture so far, at the full size.

        At a smaller scale, the picture is enlarged as the last scale would begin with it.
        """
        if not any(edit.finish for edit in self.edits):
            self.edit(Edit(step=self._made, params={}, finish=True))

    def edit(self, edit: Edit) -> None:
        """Make a change before the next step. Its step must be that of the last record."""
        after = sum(self._is_due(each) for each in self._coming)
        self._coming.insert(after, edit)

    def _is_due(self, edit: Edit) -> bool:
        return edit.step is not None and edit.step <= self._made

    def _paint(self, resume: bytes | None) -> Iterator[Step]:
        self._begin()
        if resume is None:
            self._start()
        else:
            saved = self._request.unpack(resume, self._network.device, tuple(self._coming))
            resume = None  # frees memory: the checkpoint is as large as the state
            self._resume(saved)
            del saved
        self._machine = {
            "threads": torch.tensor(torch.get_num_threads()),
            "memory": torch.tensor(self.memory),
        }
        yield from self._go_on()

    def _go_on(self) -> Iterator[Step]:
        """Make the steps that are left."""
        while True:
            number, step = self._plan.position(self._made)
            phase = self._plan.phases[number]
            if self._scale.size != phase.size:
                self._enlarge(phase.size)
            self._descent.step = step
            if step < phase.steps:
                self._complete = False
                yield from self._follow(phase)
                continue
            if not self._complete:
                self._complete = True
                yield self._record(self._scale.loss_of(self._scale.shown(self._descent.image)))
            if not self._take_edits():
                return

    def _begin(self) -> None:
        """Prepare the first step. Edits at step 0 count as parameters of the request."""
        while self._coming and self._is_due(self._coming[0]):
            self._note(self._coming.pop(0))
        self._request = Request(self._pictures, self._params)
        self._plan = self._schedule()
        if any(edit.finish for edit in self.edits):
            self._plan = self._plan.ending_at(0)

    def _start(self) -> None:
        self._scale = self._scales.at(self._plan.phases[0].size)
        self._descend_from(self._scale.start())

    def _resume(self, saved: State) -> None:
        """Go to the step of a checkpoint."""
        torch.set_num_threads(int(saved["threads"]))
        self.memory = min(self.memory, int(saved["memory"]))
        self._scales = self._scales.with_memory(self.memory)
        made = int(saved["made"])
        while self._coming and (self._coming[0].step or 0) < made:
            edit = self._coming.pop(0)
            self._note(edit)
            self._replan(edit)
        self._made, self._yielded = made, made - 1
        number, _ = self._plan.position(made)
        self._scale = self._scales.at(self._plan.phases[number].size)
        self._descend_from(saved["image"])
        self._descent.restore(saved)

    def _enlarge(self, size: int) -> None:
        """Go on at a larger scale."""
        painted = self._scale.painted_on(self._descent.image)
        del self._scale, self._descent, self._objective  # frees memory
        self._scale = self._scales.at(size)
        self._descend_from(self._scale.start_on(painted))

    def _descend_from(self, image: Tensor) -> None:
        """Begin at a scale.

        Args:
            image: shape (1, 3, H, W), or (1, 1, H, W) where only the luminance is painted.
        """
        params, preconditioner = self._params, self._scale.preconditioner()
        noise = self._number_format.noise
        optimizer = make_optimizer(params.optimizer, params.learning_rate, preconditioner, noise)
        self._descent = Descent(image, optimizer)
        self._objective: Objective | None = None

    def _follow(self, phase: Phase) -> Iterator[Step]:
        """Make the steps of a phase, until its end or the next edit."""
        before = self._made - self._descent.step
        steps = phase.steps
        if self._coming:
            steps = min(steps, (self._coming[0].step or 0) - before)
        self._objective = self._scale.objective_in(phase, self._objective)
        for loss in self._descent.follow(self._objective, steps):
            self._made = before + self._descent.step
            if self._descent.step == phase.steps:
                return  # the last loss is the next phase's first
            if self._made > self._yielded:
                yield self._record(loss)
            if self._take_edits():
                return

    def _take_edits(self) -> bool:
        """Make the changes that are due, and return whether there were any."""
        if not self._coming or not self._is_due(self._coming[0]):
            return False
        if not self._made:
            self._begin()  # nothing is painted yet
            self._start()
            return True
        while self._coming and self._is_due(self._coming[0]):
            edit = self._coming.pop(0)
            self._note(edit)
            self._replan(edit)
        self._scale = self._scales.changed(self._scale)
        self._descent.change_objective()
        return True

    def _note(self, edit: Edit) -> None:
        self._noted = (*self._noted, edit)
        self._params = edited(self._params, [edit])
        self._scales = self._scales.with_params(self._params)

    def _replan(self, edit: Edit) -> None:
        made = edit.step or 0
        if edit.finish:
            self._plan = self._plan.ending_at(made)
        else:
            self._plan = self._plan.going_on_as(self._schedule(), made)

    def _schedule(self) -> Schedule:
        """Return the plan of a run with these parameters from the start."""
        return schedule(self._params, self._scales.usable, int8_cost=self._number_format.int8_cost)

    def _record(self, loss: LossTerms) -> Step:
        number, step = self._plan.position(self._made)
        scale, plan = self._scale, self._plan
        following, _ = plan.position(self._made + 1)
        self._yielded = self._made
        return Step(
            step=self._made,
            steps=plan.steps,
            fraction=plan.fraction_until(number, step),
            scale=plan.sizes.index(scale.size),
            scales=len(plan.sizes),
            next_scale=plan.sizes.index(plan.phases[following].size),
            width=scale.width,
            height=scale.height,
            loss=loss,
            balance=scale.objective.balance,
            _scale=scale,
            _request=self._request,
            _state={
                "made": torch.tensor(self._made),
                **self._machine,
                **self._descent.state(),
            },
            _edits=self.edits,
        )
