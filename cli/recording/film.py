"""Films of a run: MP4 by PyAV, WebP and GIF by Pillow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from core.errors import FieldError, InvalidRequest, PackageMissing

#: The kinds of film, and the longest side of each in pixels. WebP and GIF are slow to decode.
LONGEST_SIDE = {".mp4": 4096, ".webp": 512, ".gif": 512}

FRAMES_PER_SECOND = 12

#: How long the result is shown at the end.
_HOLD_SECONDS = 2

#: A constant rate factor of H.264, at which a film looks like its frames.
_CRF = "18"


def check_film(path: Path) -> None:
    """Check, before the run, that a film of this kind can be written.

    Raises:
        InvalidRequest: its extension is unknown.
        PackageMissing: the encoder is not installed.
    """
    if path.suffix.lower() not in LONGEST_SIDE:
        known = ", ".join(LONGEST_SIDE)
        message = f"{path.name!r} has an unknown extension; expected one of {known}"
        raise InvalidRequest([FieldError("film", message)])
    if path.suffix.lower() == ".mp4":
        try:
            import av  # noqa: F401 - only whether it is there
        except ModuleNotFoundError as error:
            raise PackageMissing(
                "av is not installed, which writes MP4; install it with: pip install "
                "'easel[film]', or write a film with the extension .webp or .gif"
            ) from error


def write_film(path: Path, frames: Sequence[Path]) -> None:
    """Write a film of some pictures, all enlarged to the size of the last one.

    Args:
        path: the film. Its extension is one of ``LONGEST_SIDE``.
        frames: the files of the pictures, at least one.
    """
    kind = path.suffix.lower()
    with Image.open(frames[-1]) as last:
        factor = min(1.0, LONGEST_SIDE[kind] / max(last.size))
        # H.264 halves the resolution of the colours, so its sides are even.
        width, height = (max(2, round(side * factor) // 2 * 2) for side in last.size)
    held = [*frames, *[frames[-1]] * (_HOLD_SECONDS * FRAMES_PER_SECOND)]
    if kind == ".mp4":
        _write_mp4(path, _pictures(held, (width, height)), (width, height))
        return
    first, *others = _pictures(frames, (width, height))
    durations = [1000 // FRAMES_PER_SECOND] * len(others) + [_HOLD_SECONDS * 1000]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0)


def _pictures(frames: Sequence[Path], size: tuple[int, int]) -> Iterator[Image.Image]:
    for frame in frames:
        with Image.open(frame) as picture:
            yield picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)


def _write_mp4(path: Path, pictures: Iterator[Image.Image], size: tuple[int, int]) -> None:
    import av

    with av.open(path, "w", options={"movflags": "faststart"}) as film:
        stream = film.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": _CRF})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"  # the only one that browsers play
        for picture in pictures:
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
