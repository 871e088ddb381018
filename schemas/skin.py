"""Skin lesions: facial skin disease photographs, AI Hub 71863 and sets of its kind."""

from typing import Annotated

from pydantic import Field

from .base import Group, Id, Image, Label, Part, Picture, Record


class Box(Part):
    """An upright rectangle in pixels of the stored picture, origin at the top left."""

    xpos: float
    ypos: float
    width: float
    height: float


class AcneLesion(Box):
    """One acne lesion of the label file."""

    inflammatory: bool | None = None


class SkinLesion(Record):
    """One photograph of a face with its diagnosis."""

    id: Annotated[str, Id()]
    """`{split}/{class}/{view}/{file stem}`, the same for both folder layouts."""
    image: Annotated[Picture, Image()]
    label: Annotated[str, Label()]
    """Diagnosis, from the folder's name."""
    view: Annotated[str, Label()]
    """Camera angle, from the folder's name: 정면 front, 측면 side."""
    site: Annotated[str | None, Group(one_split=False)] = None
    """Where it was taken: `H2` of `H2_0013_P1_L0.png`."""
    subject: Annotated[str | None, Group()] = None
    """Who is on it: `H2_0013` of `H2_0013_P1_L0.png` (numbers are counted per site)."""

    # From the optional label JSON.
    onset: str | None = None
    distribution: str | None = None
    body_part: str | None = None
    symptom: str | None = None
    description: str | None = None
    iga_grade: Annotated[int, Field(ge=0, le=4)] | None = None
    """Investigator's Global Assessment of atopic dermatitis, 0 (clear) to 4 (severe)."""
    gender: str | None = None
    age_range: str | None = None
    race: str | None = None
    lesion_area: Box | None = None
    lesions: list[AcneLesion] = Field(default_factory=list)
