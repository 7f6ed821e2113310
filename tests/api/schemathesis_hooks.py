"""Pictures for schemathesis, which the schema describes only as binary data and as base64."""

from __future__ import annotations

import base64

import schemathesis
from hypothesis import strategies as st

from tests.conftest import photo, png

_PICTURES = [png(photo(24, 32, seed=seed)) for seed in range(3)]

schemathesis.openapi.format("binary", st.sampled_from(_PICTURES))
schemathesis.openapi.format(
    "byte", st.sampled_from([base64.b64encode(data).decode() for data in _PICTURES])
)
