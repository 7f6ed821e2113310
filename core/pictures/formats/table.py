"""The table of accepted picture formats, and the names of others that people send.

Importing this module imports all decoders.
"""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pillow_heif.options
from PIL import AvifImagePlugin, Image, ImageCms
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from core.pictures.formats.jpeg import complete, open_jpeg
from core.pictures.formats.png import open_png
from core.pictures.formats.tiff import open_tiff


@dataclass(frozen=True)
class InputFormat:
    """A file format that is accepted for uploads."""

    name: str
    media_type: str
    #: Matches the beginning of a file.
    signature: re.Pattern[bytes]
    #: Opens a file without decoding it, given the most pixels to decode. It calls Pillow's class
    #: for the format directly: ``Image.open`` imports plugins on first use, and reads a JPEG with a
    #: second picture as another format.
    open: Callable[[bytes, int], Image.Image]
    #: Whether masks may have the format. Lossy compression blurs the borders between regions.
    for_masks: bool = True
    #: Completes a cut-off file, and says what is missing; None if the format cannot be completed,
    #: or if too much is missing.
    complete: Callable[[bytes], tuple[bytes, str] | None] = lambda _: None


def _starts(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


def _branded(brands: bytes) -> re.Pattern[bytes]:
    """Match a file of boxes (ISO 14496-12) with one of the brands, be it major or compatible."""
    return _starts(rb"....ftyp(?:....){0,15}?(?:" + brands + rb")")


def _by(decoder: Callable[[io.BytesIO], Image.Image]) -> Callable[[bytes, int], Image.Image]:
    return lambda data, _: decoder(io.BytesIO(data))


_HEIC = rb"he[iv][cxms]|mif1|msf1"
_TIFF = rb"II[*+]\0|MM\0[*+]|MM[*]\0|II\0[*]"

#: All accepted formats. The first whose signature matches counts. The sandbox and the API derive
#: theirs from this table.
INPUT_FORMATS = (
    InputFormat("JPEG", "image/jpeg", _starts(rb"\xff\xd8\xff"), open_jpeg, False, complete),
    InputFormat("PNG", "image/png", _starts(rb"\x89PNG\r\n\x1a\n"), lambda data, _: open_png(data)),
    InputFormat("WebP", "image/webp", _starts(rb"RIFF....WEBP"), _by(WebPImageFile)),
    InputFormat("AVIF", "image/avif", _branded(rb"avi[fs]"), _by(AvifImageFile), False),
    InputFormat("HEIC", "image/heic", _branded(_HEIC), _by(HeifImageFile), False),
    InputFormat("TIFF", "image/tiff", _starts(_TIFF), lambda data, _: open_tiff(data)),
    InputFormat("GIF", "image/gif", _starts(rb"GIF8[79]a"), _by(GifImageFile)),
    InputFormat("BMP", "image/bmp", _starts(rb"BM"), _by(BmpImageFile)),
)

#: Kinds of files that are not accepted, but that people send, by what they are called.
_OTHERS = (
    ("a JPEG XL picture", _starts(rb"\xff\x0a|\0\0\0\x0cJXL ")),
    ("a JPEG 2000 picture", _starts(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51")),
    ("a raw photograph of a camera", _starts(rb"....ftypcrx|FUJIFILMCCD-RAW|II(?:RO|RS|U\0)|MMOR")),
    ("a video", _starts(rb"....ftyp|RIFF....AVI |\x1aE\xdf\xa3")),
    ("an SVG drawing", _starts(rb".{0,1000}?<svg[\s>]")),
    ("a web page", re.compile(rb"\s*<(?:!doctype html|html)", re.IGNORECASE)),
    ("a PDF document", _starts(rb"%PDF-")),
    ("a PostScript document", _starts(rb"%!PS")),
    ("a Photoshop document", _starts(rb"8BPS")),
    ("an icon", _starts(rb"\0\0[\x01\x02]\0[\x01-\x40]\0")),
    ("a PNM picture", _starts(rb"P[1-7]\s")),
    ("a ZIP archive", _starts(rb"PK\x03\x04")),
)


#: The box of a colour space (ISO 14496-12, 12.1.5) with an HDR transfer function of ITU-T H.273.
_HDR = re.compile(rb"colrnclx..\0([\x10\x12])", re.DOTALL)
_TRANSFERS = {b"\x10": "PQ", b"\x12": "HLG"}

#: Where the boxes before the pixels are, in bytes.
_BOXES = 2**16


def import_decoders() -> None:
    """Import what decoders otherwise import on first use, for a process that will open no files."""
    importlib.import_module("PIL.ImagePalette")
    ImageCms.createProfile("sRGB")
    str(MemoryError()).encode("idna")  # codecs are imported on first use
    # The stack and the arena of each thread count as memory.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    pillow_heif.options.DECODE_THREADS = 1


def format_of(data: bytes) -> InputFormat | None:
    """Return the format of a file by its first bytes; None if it is not an accepted one."""
    return next((each for each in INPUT_FORMATS if each.signature.match(data)), None)


def hdr_warning(data: bytes) -> tuple[str, ...]:
    """Return a warning for an AVIF or HEIC that is HDR, which is read without tone mapping."""
    found = _HDR.search(data, 0, _BOXES) if data[4:8] == b"ftyp" else None
    if found is None:
        return ()
    return (
        f"the picture is HDR ({_TRANSFERS[found[1]]}), and is not tone-mapped; it may look pale",
    )


def sniff_media_type(data: bytes) -> str:
    """Return the media type of a file that was decoded before, by its signature."""
    found = format_of(data)
    assert found is not None, "a file that was decoded before has no known signature"
    return found.media_type


def refusal(data: bytes, accepted: Sequence[InputFormat]) -> str:
    """Return why a file is refused that is in none of the accepted formats."""
    found = format_of(data)
    kinds = (kind for kind, signature in _OTHERS if signature.match(data))
    kind = f"a {found.name} file" if found else next(kinds, None)
    *others, last = (each.name for each in accepted)
    remedy = f"send {', '.join(others)} or {last}"
    if kind is None:
        return f"is not a picture that can be read ({len(data)} bytes); {remedy}"
    return f"is {kind}, which is not accepted; {remedy}"
