"""Draws the people of `tiny/` and writes their records, in each form that records have. Run it to do so anew.

The ten drawn characters of `tiny/metadata.jsonl` are by others, named there and in the card.
"""

import json
import random
from hashlib import sha256
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

STYLES = {
    "Casual_Basic": (90, 130, 200),
    "Street_Casual": (40, 40, 40),
    "Sporty_Active": (230, 80, 40),
    "Trendy_Fashion": (120, 90, 150),
    "Classy_Elegant": (150, 20, 60),
    "Business_Casual": (70, 80, 90),
    "Feminine_Romantic": (240, 150, 190),
    "Street_Hip": (250, 200, 30),
}
VIBES = ["Artistic_Creative", "Cool_Charismatic", "Energetic_Playful", "Professional_Smart", "Pure_Natural", "Casual_Relaxed"]  # fmt: skip
SHOTS = ["Selfie_CloseUp", "Portrait_Selfie", "Others_Cam", "FullBody_Shot", "Half_Body"]
HAIR = {"short dark hair": (40, 30, 25), "long brown hair": (110, 70, 40), "blond hair": (220, 190, 110)}
FACES = ["round face", "oval face", "narrow face"]
EYES = ["large eyes", "narrow eyes", "wide-set eyes"]
PERSONS, PICTURES = 24, 30


def draw(person: random.Random, garment: tuple[int, ...], shot: str, hair: str, quality: str) -> Image.Image:
    """A bust or a figure in front of a wall, a mirror's frame around a selfie in one."""
    image = Image.new("RGB", (96, 96), tuple(person.randint(120, 240) for _ in range(3)))
    pen, small = ImageDraw.Draw(image), shot in {"FullBody_Shot", "Others_Cam"}
    if shot == "Portrait_Selfie":
        pen.rectangle((3, 3, 92, 92), outline=(90, 60, 30), width=4)
    size, top, x = (9, 10, person.randint(40, 56)) if small else (20, 14, person.randint(44, 52))
    colour = HAIR[hair]
    pen.ellipse((x - size - 3, top - 4, x + size + 3, top + 2 * size - (0 if "long" not in hair else -14)), fill=colour)
    shade = person.randint(0, 90)
    skin = tuple(c - shade for c in (240, 200, 170))
    pen.ellipse((x - size, top, x + size, top + 2 * size + 2), fill=skin)
    for side in (-1, 1):
        pen.ellipse(
            (x + side * size // 2 - 2, top + size - 2, x + side * size // 2 + 1, top + size + 1), fill=(30, 20, 20)
        )
    neck = top + 2 * size
    pen.rounded_rectangle((x - 2 * size, neck, x + 2 * size, 66 if small else 96), size // 2, fill=garment)
    if small:
        for side in (-1, 1):
            pen.line((x + side * size, 64, x + side * size, 92), fill=(50, 50, 70), width=6)
    return image.filter(ImageFilter.GaussianBlur(3)) if quality == "Low" else image


def main(root: Path) -> None:
    lines: dict[str, list[dict[str, object]]] = {"people.jsonl": [], "augmented.jsonl": [], "conversations.jsonl": []}
    for n in range(PICTURES):
        who = n % PERSONS  # The last few persons' second pictures.
        identity = f"identity_{sha256(f'tiny person {who}'.encode()).hexdigest()[:8]}"
        person = random.Random(n)  # noqa: S311
        style, hair = list(STYLES)[who % len(STYLES)], list(HAIR)[who % 3]
        quality = ("High", "Medium", "High", "Low")[n % 4]
        shot, vibe = SHOTS[n % len(SHOTS)], VIBES[n % len(VIBES)]
        said = {
            "fashion_style": style,
            "vibe_category": vibe,
            "shot_type": shot,
            "visual_quality": quality,
            "physical_features": [hair, FACES[n % 3], EYES[(n // 3) % 3]],
        }
        if n % 5:
            said["caption"] = f"A drawn person with {hair} in front of a plain wall."
        picture = draw(person, STYLES[style], shot, hair, quality)
        if n < 12:
            path = f"pictures/{identity}.png"
            profile = {
                "Gender": ("여성", "남성")[n % 2],
                "Age": str(20 + n),
                "MBTI": ("INFP", "ESTJ")[n % 2],
                "관심사": "등산, 독서",
            }
            line = {"id": identity, "generation_timestamp": f"2025-11-{n + 1:02}T09:00:00", "image_metadata": said}
            lines["people.jsonl"].append(line | {"profile_info": profile})
        elif n < PERSONS:
            path = f"augmented/{identity}/aug_{n:05d}.jpg"
            line = {
                "id": f"aug_{n:05d}",
                "image_path": path,
                "image_filename": f"aug_{n:05d}.jpg",
                "image_metadata": said,
            }
            lines["augmented.jsonl"].append(line)
        else:
            path = f"augmented/{identity}/chat_{n:05d}.jpg"
            turns = [
                {"from": "user", "value": f"<img>{path}</img>\nDescribe the person."},
                {"from": "assistant", "value": json.dumps(said)},
            ]
            lines["conversations.jsonl"].append({"identity": identity, "conversations": turns})
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        picture.save(root / path, optimize=True, **({"quality": 85} if path.endswith("jpg") else {}))
    for name, found in lines.items():
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in found)
        (root / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(__file__).parent / "tiny")
