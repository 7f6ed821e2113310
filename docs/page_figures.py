"""The small pictures of the web page: ``make samples``.

They are cut from the figures in ``docs/images/``, and show what each preset, colour mode and
parameter does.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from docs.figures import CAPTION, FIGURES, GAP, IMAGES, ROOT

FOLDER = ROOT / "api" / "pages" / "static" / "figures"

#: Parameters whose values are chosen by pictures, each on its own.
CHOSEN = {"presets": "preset", "color": "color"}

_CELL = (108, 72)
_STRIP_WIDTH = 420
#: The columns of README's picture, and the width of each on the page.
_HERO = {"photo": (0, 512, 300), "painting": (518, 944, 300), "result": (950, 1462, 512)}


def cells(figure: Image.Image, count: int) -> list[Image.Image]:
    """Return the pictures of a row, without their captions."""
    wide = (figure.width - (count - 1) * GAP) / count
    height = figure.height - CAPTION
    lefts = [round(index * (wide + GAP)) for index in range(count)]
    return [figure.crop((left, 0, left + round(wide), height)) for left in lefts]


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(exist_ok=True)
    for figure in FIGURES:
        with Image.open(IMAGES / f"{figure.name}.jpg") as row:
            pictures = cells(row.convert("RGB"), len(figure.variants))
        if figure.name in CHOSEN:
            field = CHOSEN[figure.name]
            for picture, variant in zip(pictures, figure.variants, strict=True):
                save(picture.resize(_CELL), f"{field}-{variant[field]}", quality=45)
        else:
            save(strip(pictures), figure.name, quality=55)
    with Image.open(IMAGES / "before-after.jpg") as row:
        for name, (left, right, width) in _HERO.items():
            picture = row.convert("RGB").crop((left, 0, right, row.height - CAPTION))
            height = round(picture.height * width / picture.width)
            save(picture.resize((width, height)), f"hero-{name}", quality=72)


def strip(pictures: list[Image.Image]) -> Image.Image:
    """Place the pictures side by side."""
    wide = (_STRIP_WIDTH - (len(pictures) - 1) * 2) // len(pictures)
    high = round(pictures[0].height * wide / pictures[0].width)
    row = Image.new("RGB", (_STRIP_WIDTH, high), "white")
    for index, picture in enumerate(pictures):
        row.paste(picture.resize((wide, high)), (index * (wide + 2), 0))
    return row


def save(picture: Image.Image, name: str, quality: int) -> Path:
    """Write one picture."""
    path = FOLDER / f"{name}.webp"
    picture.save(path, quality=quality, method=6)
    return path


if __name__ == "__main__":
    main()
