"""Contact sheets: pictures in rows with captions."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageOps

_CELL = 320
_CAPTION = 18
_GAP = 4


def contact_sheet(
    rows: Sequence[Sequence[tuple[str, Image.Image]]], cell: int = _CELL
) -> Image.Image:
    """Return one picture of all rows.

    Args:
        rows: captions and pictures. Every picture is scaled to fit its cell.
        cell: the sides of a cell, in pixels.
    """
    columns = max(len(row) for row in rows)
    step = (cell + _GAP, cell + _CAPTION + _GAP)
    sheet = Image.new("RGB", (columns * step[0], len(rows) * step[1]), "white")
    draw = ImageDraw.Draw(sheet)
    for y, row in enumerate(rows):
        for x, (caption, picture) in enumerate(row):
            fitted = ImageOps.contain(picture, (cell, cell), Image.Resampling.LANCZOS)
            sheet.paste(fitted, (x * step[0], y * step[1] + _CAPTION))
            draw.text((x * step[0] + 2, y * step[1] + 3), caption, fill="black")
    return sheet
