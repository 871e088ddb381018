"""Draws build.svg: the demo's drawings, three of them spoiled, as `mmdata build` shows them.

python docs/draw_build.py
"""

import html
import io
import itertools
import re
import shutil
import tempfile
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console

import mmdata
from mmdata import summary

CELL = 12.2
"""Width of a letter in rich's SVG; Hangul takes two."""
TEXT = re.compile(
    r'<text (?P<class>class="[^"]*") x="(?P<x>[^"]*)" (?P<y>y="[^"]*") textLength="[^"]*" *>(?P<text>[^<]*)</text>'
)


def spoil(tiny: Path) -> None:
    """One picture cut off, one copied from train to test, one folder of an unknown class."""
    train, test = tiny / "Training/images", tiny / "Validation/images"
    cut = train / "TS_여드름_정면/H1_0009_P0_L0.png"
    cut.write_bytes(cut.read_bytes()[:200])
    shutil.copy(train / "TS_건선_측면/H1_0003_P0_L0.png", test / "VS_건선_측면/H9_0099_P0_L0.png")
    (train / "TS_주사_측면").rename(train / "TS_주시_측면")


def on_the_grid(text: re.Match[str]) -> str:
    """Wide and narrow letters apart, each run at its own place: rich reckons one cell a letter."""
    x, parts = float(text["x"]), []
    for cells, letters in itertools.groupby(html.unescape(text["text"]), cell_len):
        run = "".join(letters)
        stretch = ' lengthAdjust="spacingAndGlyphs"' if cells == 2 else ""
        width = cell_len(run) * CELL
        parts.append(
            f'<text {text["class"]} x="{x:g}" {text["y"]} textLength="{width:g}"{stretch}>'
            f"{html.escape(run).replace(chr(160), '&#160;')}</text>"
        )
        x += width
    return "".join(parts)


def main() -> None:
    console = Console(record=True, width=110, file=io.StringIO())
    with tempfile.TemporaryDirectory() as scratch:
        folder = mmdata.new("skin", scratch, like="skin")
        spoil(folder / "tiny")
        console.print("$ mmdata build dataset_builders/skin --source tiny", highlight=False)
        summary.show(mmdata.build(folder, folder / "tiny"), console)
    svg = console.export_svg(title="mmdata build", unique_id="build")
    # The reader's own monospaced font: GitHub fetches none from elsewhere.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S).replace("Fira Code, monospace", "monospace")
    svg = re.sub(r'<clipPath.*?</clipPath>\s*|clip-path="[^"]*"', "", svg, flags=re.S)  # It cuts off underscores.
    svg = re.sub(r" +$", "", TEXT.sub(on_the_grid, svg), flags=re.M)
    Path(__file__).with_name("build.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
