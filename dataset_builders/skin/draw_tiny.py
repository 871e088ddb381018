"""Draws `tiny/`: faces as ellipses, one colour and dot pattern a class. Run it here to draw them anew."""

import random
from pathlib import Path

from PIL import Image, ImageDraw

CLASSES = {
    "건선": ((205, 92, 92), 14, 6),
    "아토피": ((222, 135, 120), 22, 4),
    "여드름": ((200, 60, 60), 18, 2),
    "주사": ((230, 110, 110), 6, 10),
    "지루": ((240, 200, 120), 20, 3),
    "정상": ((236, 188, 160), 0, 0),
}
HALVES = {"Training/images/TS": 2, "Validation/images/VS": 1}


def draw(colour: tuple[int, int, int], dots: int, radius: int, side: bool, seed: int) -> Image.Image:
    r = random.Random(seed)  # noqa: S311
    image = Image.new("RGB", (96, 96), tuple(r.randint(150, 235) for _ in range(3)))
    pen = ImageDraw.Draw(image)
    left, right = (30, 84) if side else (18, 78)
    shade = r.randint(-15, 15)
    pen.ellipse((left, 8, right, 90), fill=(236 + min(0, shade), 188 + shade, 160 + shade))
    if side:
        pen.polygon([(32, 42), (20, 54), (33, 58)], fill=(226, 178, 150))
    for _ in range(dots):
        x, y = r.randint(left + 12, right - 12), r.randint(24, 76)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    for x in (48,) if side else (36, 60):
        pen.ellipse((x - 3, 36, x + 3, 42), fill=(40, 30, 30))
    return image


def main(root: Path) -> None:
    seed = 0
    for half, count in HALVES.items():
        for cls, (colour, dots, radius) in CLASSES.items():
            for view in ("정면", "측면"):
                folder = root / f"{half}_{cls}_{view}"
                folder.mkdir(parents=True, exist_ok=True)
                for n in range(count):
                    seed += 1
                    draw(colour, dots, radius, view == "측면", seed).save(
                        folder / f"H{n + 1}_{seed:04d}_P0_L0.png", optimize=True
                    )


if __name__ == "__main__":
    main(Path(__file__).parent / "tiny")
