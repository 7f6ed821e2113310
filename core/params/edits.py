"""Edits: changes of a job's parameters between two of its steps.

``StyleParams`` marks the parameters that may change. An edit names the step after which it takes
effect, so that a run with the same edits gives the same picture again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from core.errors import FieldError, InvalidRequest
from core.params.model import TUNABLE, StyleParams
from core.params.validation import parse_params, validation_message

#: The form field and the field of a job with its edits.
EDITS_FIELD = "edits"

#: The most edits of a run.
MAX_EDITS = 1000


class Edit(BaseModel):
    """A change of a run between two steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int | None = Field(
        ge=0,
        description="The steps made before it takes effect; null until a worker has taken it.",
    )
    params: dict[str, JsonValue] = Field(description="The new values.")
    finish: bool = Field(
        False,
        exclude_if=lambda finish: not finish,
        description="Whether the run ends here, with the picture so far.",
    )


Edits = tuple[Edit, ...]
_EDITS = TypeAdapter(Edits)


def tuned(params: StyleParams, changes: Mapping[str, object]) -> StyleParams:
    """Return the parameters after a change, as ``PATCH /jobs/{id}`` defines it.

    Null takes the default. As in a new request, ``strength`` takes the place of a
    ``style_weight``, and a first ``style_weight`` belongs to the paper's statistics.

    Args:
        params: the parameters so far.
        changes: the new values by name.

    Raises:
        InvalidRequest: a parameter is unknown, cannot change during a run, or has an invalid value.
    """
    fields = {**params.model_dump(mode="json"), **changes}
    if "strength" in changes:
        fields["style_weight"] = changes.get("style_weight")
    elif changes.get("style_weight") is not None and params.style_weight is None:
        fields["style_statistics"] = changes.get("style_statistics")
    given = {name: value for name, value in fields.items() if value is not None}
    return _checked(changes, given)


def with_edit(
    params: StyleParams, edits: Edits, changes: Mapping[str, object]
) -> tuple[StyleParams, Edits]:
    """Return the parameters and the edits of a run after one more change.

    The first edit is at step 0 and has the first value of everything that was ever changed. So
    the parameters of the job, as they are now, and its edits describe the whole run. A change
    that no worker has taken yet is joined with this one.

    Raises:
        InvalidRequest: see :func:`tuned`.
    """
    new = tuned(params, changes)
    values = differences(params, new)
    if not values:
        return params, edits
    edits = with_first_values(params, edits, values)
    last = edits[-1]
    if last.step is None:
        joined = _in_order({**last.params, **values})
        edits = (*edits[:-1], last.model_copy(update={"params": joined}))
    else:
        edits = (*edits, Edit(step=None, params=values))
    return new, edits


def with_finish(edits: Edits) -> Edits:
    """Return the edits of a run that is to end with the picture so far."""
    if any(edit.finish for edit in edits):
        return edits
    if edits and edits[-1].step is None:
        return (*edits[:-1], edits[-1].model_copy(update={"finish": True}))
    return (*edits, Edit(step=None, params={}, finish=True))


def with_first_values(params: StyleParams, edits: Edits, names: Mapping[str, object]) -> Edits:
    """Return the edits with the first values of some parameters, if they were not changed yet."""
    first = edits[0].params if edits and edits[0].step == 0 else {}
    values = params.model_dump(mode="json", include=set(names) - set(first))
    if not values:
        return edits
    rest = edits[1:] if first else edits
    return (Edit(step=0, params=_in_order({**first, **values})), *rest)


def from_start(params: StyleParams, edits: Edits) -> tuple[StyleParams, Edits]:
    """Return the parameters at the start of a run, and the edits after it.

    Args:
        params, edits: as :func:`core.nst.stylize.stylize` takes them.
    """
    first = [edit for edit in edits if edit.step == 0 and not edit.finish]
    return edited(params, first), tuple(edit for edit in edits if edit not in first)


def edited(params: StyleParams, edits: Sequence[Edit]) -> StyleParams:
    """Return the parameters after some edits, taken literally.

    Raises:
        InvalidRequest: an edit has a parameter that is unknown, cannot change during a run, or an
            invalid value.
    """
    for edit in edits:
        fields = {**params.model_dump(mode="json"), **edit.params}
        params = _checked(edit.params, fields)
    return params


def parse_edits(text: str, params: StyleParams) -> tuple[StyleParams, Edits]:
    """Parse the edits of a new job.

    Args:
        text: JSON, as a job has them: ``[{"step": 12, "params": {"strength": 0.7}}]``.
        params: the parameters of the request.

    Returns:
        The last parameters and the edits of the job, as :func:`with_edit` returns them.

    Raises:
        InvalidRequest: the edits are malformed, out of order or invalid.
    """
    try:
        edits = load_edits(text)
    except ValidationError as error:
        detail = error.errors()[0]
        place = ".".join(map(str, detail["loc"]))
        message = validation_message(detail)
        raise _invalid(f"{place}: {message}" if place else message) from None
    if len(edits) > MAX_EDITS:
        raise _invalid(f"has {len(edits)} edits; at most {MAX_EDITS} are allowed")
    steps = [edit.step for edit in edits]
    if None in steps or steps != sorted(step or 0 for step in steps):
        raise _invalid(f"has the steps {steps}; expected a step for each edit, in ascending order")
    if any(edit.finish for edit in edits[:-1]):
        raise _invalid("goes on after an edit with finish; expected it to be the last")
    last, literal = params, []
    try:
        for edit in edits:
            last = edited(last, [edit])
            values = last.model_dump(mode="json", include=set(edit.params))
            literal.append(edit.model_copy(update={"params": values}))
    except InvalidRequest as invalid:
        raise InvalidRequest(
            [FieldError(EDITS_FIELD, f"{each.field}: {each.message}") for each in invalid.errors]
        ) from None
    changed = {name: None for edit in edits for name in edit.params}
    return last, with_first_values(params, tuple(literal), changed)


def load_edits(text: str) -> Edits:
    """Return the edits that :func:`dump_edits` has written."""
    return _EDITS.validate_json(text)


def dump_edits(edits: Edits) -> str:
    """Return the edits as JSON. An edit that was not taken has ``"step":null``."""
    return _EDITS.dump_json(edits).decode()


def _checked(changes: Mapping[str, object], fields: Mapping[str, object]) -> StyleParams:
    fixed = [
        FieldError(name, f"cannot change during a run; what can is {', '.join(TUNABLE)}")
        for name in changes
        if name in StyleParams.model_fields and name not in TUNABLE
    ]
    if fixed:
        raise InvalidRequest(fixed)
    return parse_params(fields)


def differences(params: StyleParams, other: StyleParams) -> dict[str, JsonValue]:
    """Return the tunable parameters of ``other`` that differ, as an edit has them."""
    before, after = params.model_dump(mode="json"), other.model_dump(mode="json")
    return {name: after[name] for name in TUNABLE if after[name] != before[name]}


def _in_order(values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return values in the order of the parameters, since results contain them as text."""
    return {name: values[name] for name in TUNABLE if name in values}


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest([FieldError(EDITS_FIELD, message)])


def check_blend(params: StyleParams, styles: int, *, masked: bool) -> None:
    """Check that the blend of an edit fits the style pictures.

    Args:
        params: the new parameters.
        styles: the number of style pictures.
        masked: whether the request has masks.

    Raises:
        InvalidRequest: there is not one weight for each, or with masks one is 0.
    """
    if not all(params.blend_weights(styles)) and masked:
        message = "has a weight of 0; with masks, expected only weights above 0"
        raise InvalidRequest([FieldError("style_blend", message)])
