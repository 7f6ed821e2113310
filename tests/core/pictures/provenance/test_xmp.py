"""The record in a file: it survives every format, and other programs."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from PIL import Image

from core.errors import InvalidPicture
from core.params import PictureFormat, StyleParams
from core.params.edits import Edit
from core.pictures.encode import Encoded, encode
from core.pictures.provenance.record import Digests, Machine, Provenance
from core.pictures.provenance.xmp import metadata_of, read_record

PIXELS = np.random.default_rng(0).random((30, 40, 3), dtype=np.float32)
MADE = Provenance(
    params=StyleParams(size=64, strength=0.7, style_layers=("conv1_1", "conv2_1")),
    edits=(Edit(step=3, params={"strength": 0.2}), Edit(step=9, params={}, finish=True)),
    inputs=Digests(content="c" * 64, style=("d" * 64, "e" * 64), detail_map="f" * 64),
    machine=Machine(
        easel="1 <beta> & more",
        torch="2.9",
        network="a" * 64,
        device="x86_64 AVX512",
        precision="float32",
        threads=2,
        memory=2**34,
    ),
)
MANY = tuple(
    Edit(step=step, params={"strength": 0.25, "tv_weight": 1.0, "steps": 9}) for step in range(1000)
)


def result(picture_format: PictureFormat, made: Provenance = MADE, alpha: bool = False) -> Encoded:
    xmp, _ = metadata_of(made, StyleParams(format=picture_format))
    opacity = Image.new("L", (40, 30), 90) if alpha else None
    return encode(PIXELS, opacity, picture_format, 92, xmp)


@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "alpha"])
@pytest.mark.parametrize("picture_format", PictureFormat)
def test_every_format_carries_the_record(picture_format: PictureFormat, alpha: bool) -> None:
    file = result(picture_format, alpha=alpha)
    assert Provenance.parse(read_record(file.data)) == MADE


@pytest.mark.parametrize("picture_format", PictureFormat)
def test_the_record_changes_no_pixel(picture_format: PictureFormat) -> None:
    plain = encode(PIXELS, None, picture_format, 92)
    described = result(picture_format)
    with Image.open(io.BytesIO(plain.data)) as one, Image.open(io.BytesIO(described.data)) as other:
        assert np.array_equal(np.asarray(one), np.asarray(other))
        assert one.info["icc_profile"] == other.info["icc_profile"]


@pytest.mark.parametrize("picture_format", PictureFormat)
def test_a_thousand_edits_fit_into_every_format_but_jpeg(picture_format: PictureFormat) -> None:
    made = MADE.model_copy(update={"edits": MANY})
    xmp, warning = metadata_of(made, StyleParams(format=picture_format))
    if picture_format is PictureFormat.JPEG:
        assert xmp is None
        assert warning is not None
        assert "a JPEG holds 65502; use another format" in warning
    else:
        assert warning is None
        assert Provenance.parse(read_record(result(picture_format, made).data)) == made


def test_the_longest_packet_for_a_jpeg_is_written() -> None:
    xmp = b"<x>".ljust(65502)
    with Image.open(io.BytesIO(encode(PIXELS, None, PictureFormat.JPEG, 92, xmp).data)) as opened:
        assert opened.info["xmp"] == xmp


def test_without_metadata_nothing_is_written() -> None:
    assert metadata_of(MADE, StyleParams(metadata=False)) == (None, None)


def test_the_packet_is_where_the_standards_say() -> None:
    """PNG: the keyword of ISO 16684-3, 1.1.5. TIFF: tag 700, of bytes."""
    with Image.open(io.BytesIO(result(PictureFormat.PNG).data)) as opened:
        packet = opened.text["XML:com.adobe.xmp"]  # type: ignore[attr-defined]
    with tifffile.TiffFile(io.BytesIO(result(PictureFormat.TIFF).data)) as tiff:
        (page,) = tiff.pages
        assert page.tags["XMP"].value.decode() == packet  # type: ignore[union-attr]
    root = ElementTree.fromstring(packet)
    tool = root.find(".//{http://ns.adobe.com/xap/1.0/}CreatorTool")
    assert tool is not None
    assert tool.text == "Easel 1 <beta> & more"


def test_a_record_is_found_where_another_program_writes_properties_as_attributes() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<r:Description xmlns:e="urn:easel:provenance:" e:record="{&quot;a&quot;: 1}"/>'
        b"</r:RDF></x:xmpmeta>"
    )
    assert read_record(encode(PIXELS, None, PictureFormat.PNG, 92, packet).data) == '{"a": 1}'


@pytest.mark.parametrize(
    "packet",
    [
        None,
        b"not XML",
        b"<x/>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><e:record xmlns:e="urn:easel:provenance:">&a;</e:record>',
    ],
    ids=["none", "not XML", "another", "with entities"],
)
def test_a_file_without_a_record_is_refused(packet: bytes | None) -> None:
    with pytest.raises(InvalidPicture, match="does not say how it was made; results do, unless"):
        read_record(encode(PIXELS, None, PictureFormat.PNG, 92, packet).data)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"II*\0"])
def test_a_file_that_is_no_result_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidPicture, match=r"cannot be read: .*; expected PNG, JPEG, WEBP, TIFF"):
        read_record(data)


def test_a_record_of_another_version_is_refused_by_name() -> None:
    text = MADE.model_dump_json().replace('"strength"', '"force"', 1)
    with pytest.raises(InvalidPicture, match=r"cannot read: params\.force"):
        Provenance.parse(text)
