"""XMP (ISO 16684-1): the standard place for metadata in PNG, JPEG, WebP and TIFF.

The packet has the program as ``xmp:CreatorTool``, which viewers show, and the record as JSON in
a property of its own.
"""

from __future__ import annotations

import io
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from PIL import Image

from core.errors import InvalidPicture
from core.params import PictureFormat, StyleParams
from core.pictures.provenance.record import Provenance

#: The namespace of the property.
_NAMESPACE = "urn:easel:provenance:"

_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    f'xmlns:easel="{_NAMESPACE}">'
    "<xmp:CreatorTool>Easel {version}</xmp:CreatorTool>"
    "<easel:record>{record}</easel:record>"
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)

#: The bytes of a packet in one segment of a JPEG (ISO 16684-3, 1.1.3.1).
_MAX_JPEG_BYTES = 65502

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")


class Metadata(NamedTuple):
    """The metadata of a result."""

    #: The XMP packet; None if the file carries none.
    xmp: bytes | None = None
    #: A sentence for the caller if the record does not fit into the file.
    warning: str | None = None


def metadata_of(provenance: Provenance, params: StyleParams) -> Metadata:
    """Return the metadata of a result.

    Args:
        provenance: how it was made.
        params: the last parameters of the run, which say whether and in which file it is written.
    """
    if not params.metadata:
        return Metadata()
    record = escape(provenance.model_dump_json())
    version = escape(provenance.machine.easel)
    packet = _PACKET.format(version=version, record=record).encode()
    if params.format is PictureFormat.JPEG and len(packet) > _MAX_JPEG_BYTES:
        return Metadata(
            warning=f"the result does not say how it was made: with {len(provenance.edits)} edits "
            f"this takes {len(packet)} bytes, and a JPEG holds {_MAX_JPEG_BYTES}; use another "
            "format"
        )
    return Metadata(packet)


def read_record(data: bytes) -> str:
    """Return the record in a result file, as JSON.

    Args:
        data: the file.

    Raises:
        InvalidPicture: the file is no PNG, JPEG, WebP or TIFF, or has no record.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            packet = opened.info.get("xmp", b"")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidPicture(f"cannot be read: {error}; expected {', '.join(_FORMATS)}") from error
    record = _property(packet)
    if record is None:
        raise InvalidPicture(
            "does not say how it was made; results do, unless they were made with metadata=false "
            "or another program has saved them"
        )
    return record


def _property(packet: bytes) -> str | None:
    """Return the record in a packet, as this module or another program writes it."""
    text = packet.decode(errors="replace").strip("\ufeff\0 \r\n")
    if "<!DOCTYPE" in text:  # XMP has none, and attacks by entities need one
        return None
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - has no entities
    except ElementTree.ParseError:
        return None
    name = f"{{{_NAMESPACE}}}record"
    for node in root.iter():
        # A property is an element or an attribute.
        if (value := node.text if node.tag == name else node.get(name)) is not None:
            return value
    return None
