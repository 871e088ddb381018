"""One pydantic model a corpus. Import as `from mmdata.schemas import SkinLesion`."""

from .base import Group, Id, Image, Label, Part, Picture, Record
from .skin import AcneLesion, Box, SkinLesion

__all__ = [
    "AcneLesion",
    "Box",
    "Group",
    "Id",
    "Image",
    "Label",
    "Part",
    "Picture",
    "Record",
    "SkinLesion",
]
