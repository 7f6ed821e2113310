"""Films of a run: MP4 by PyAV, WebP and GIF by Pillow. Jobs keep their frames in a ZIP file."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from core.errors import PackageMissing


class FilmFormat(StrEnum):
    """A kind of film."""

    MP4 = "mp4"
    WEBP = "webp"
    GIF = "gif"

    @property
    def media_type(self) -> str:
        """The media type of the film."""
        return f"{'video' if self is FilmFormat.MP4 else 'image'}/{self}"

    @property
    def longest_side(self) -> int:
        """The longest side of a film, in pixels. WebP and GIF are slow to decode."""
        return 4096 if self is FilmFormat.MP4 else 512


#: The media type of a file of frames.
FRAMES_TYPE = "application/zip"

#: How long the result is shown at the end.
_HOLD_SECONDS = 2

#: A constant rate factor of H.264, at which a film looks like its frames.
_CRF = "18"

#: The effort of the WebP encoder, 0 to 6. More takes longer and saves little.
_WEBP_METHOD = 2


def available_formats() -> tuple[FilmFormat, ...]:
    """Return the formats that can be written here: MP4 needs a package."""
    return tuple(each for each in FilmFormat if each is not FilmFormat.MP4 or find_spec("av"))


def check_encoder(kind: FilmFormat) -> None:
    """Check that a film of this format can be written here.

    Raises:
        PackageMissing: the encoder is not installed.
    """
    if kind not in available_formats():
        raise PackageMissing(
            "av is not installed, which writes MP4; install it with: pip install 'easel[film]', "
            "or ask for a film in the format webp or gif"
        )


def write_film(
    path: Path,
    kind: FilmFormat,
    frames: Sequence[Callable[[], Image.Image]],
    frames_per_second: int = 12,
) -> None:
    """Write a film of some pictures, all enlarged to the size of the last one.

    Args:
        path: the file, which is replaced.
        kind: the format.
        frames: open the pictures, at least one. At most one picture is open at a time, except that
            Pillow keeps those of a GIF.
        frames_per_second: the pictures a second. The last one is held for two seconds.

    Raises:
        PackageMissing: the encoder is not installed.
    """
    check_encoder(kind)
    with frames[-1]() as last:
        factor = min(1.0, kind.longest_side / max(last.size))
        # H.264 halves the resolution of the colours, so its sides are even.
        width, height = (max(2, round(side * factor) // 2 * 2) for side in last.size)
    if kind is FilmFormat.MP4:
        held = [*frames, *[frames[-1]] * (_HOLD_SECONDS * frames_per_second)]
        _write_mp4(path, _pictures(held, (width, height)), (width, height), frames_per_second)
        return
    pictures = _pictures(frames, (width, height))
    first = next(pictures)
    durations = [1000 // frames_per_second] * (len(frames) - 1) + [_HOLD_SECONDS * 1000]
    first.save(
        path, kind, save_all=True, append_images=pictures, duration=durations, loop=0,
        method=_WEBP_METHOD,
    )  # fmt: skip


def pack_frames(jpegs: Sequence[bytes]) -> bytes:
    """Return pictures as one file, a ZIP archive without compression."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, jpeg in enumerate(jpegs):
            # A fixed date: the same pictures are the same file.
            archive.writestr(zipfile.ZipInfo(f"{number:03}.jpg"), jpeg)
    return packed.getvalue()


def unpack_frames(packed: bytes) -> list[bytes]:
    """Return the pictures of a file that :func:`pack_frames` made."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return [archive.read(name) for name in archive.namelist()]


def film_of(jpegs: Sequence[bytes], kind: FilmFormat, frames_per_second: int) -> bytes:
    """Return a film of pictures in memory; see :func:`write_film`."""
    frames = [partial(_opened, each) for each in jpegs]
    with tempfile.NamedTemporaryFile(prefix="easel-") as file:  # FFmpeg reads what it wrote
        path = Path(file.name)
        write_film(path, kind, frames, frames_per_second)
        return path.read_bytes()


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _pictures(
    frames: Sequence[Callable[[], Image.Image]], size: tuple[int, int]
) -> Iterator[Image.Image]:
    for frame in frames:
        with frame() as picture:
            yield picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)


def _write_mp4(
    path: Path, pictures: Iterator[Image.Image], size: tuple[int, int], rate: int
) -> None:
    import av

    with av.open(path, "w", format="mp4", options={"movflags": "faststart"}) as film:
        stream = film.add_stream("libx264", rate=rate, options={"crf": _CRF})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"  # the only one that browsers play
        for picture in pictures:
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
