"""Skin: AI Hub 71863, facial skin disease photographs, and folders laid out like it."""

import codecs
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import datasets
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmdata import CorpusBuilder, Finding, Item, Listing, MmdataError, Reject, SourceFile
from mmdata.schemas import SkinLesion

SPLITS = {"T": "train", "V": "test"}
EXPECTED = {"T": 800, "V": 100}
"""Pictures a folder, as published."""
IMAGES = (".png", ".jpg", ".jpeg")
FOLDER = re.compile(r"(?P<half>[TV])(?P<what>[SL])_(?P<label>[^_/]*)(?:_(?P<view>[^_/]*))?")
"""`TS_건선_정면` holds pictures, `TL_건선_정면` their label files; V is the validation half."""
FILE = re.compile(r"(?P<site>H\d+)_(?P<number>[^_]+)_P\d+_L\d+")


@dataclass
class Options(datasets.BuilderConfig):
    """What a build chooses."""

    validation_share: float = 0.0
    """Of the training half's people, those who go into the split `validation`. A model chosen by it has not seen the
    test split."""


class Skin(CorpusBuilder):
    """Facial skin photographs with diagnosis and view, from either layout that AI Hub's data is found in."""

    BUILDER_CONFIG_CLASS = Options
    schema = SkinLesion
    layout = "folders named {TS,VS}_{class}_{정면|측면}, such as Training/images/TS_건선_정면/*.png"

    def items(self, listing: Listing) -> Iterator[Item | Finding]:
        """Every picture in a TS_ or VS_ folder, with its label file if there is one."""
        share = self.config.validation_share
        if not 0 <= share < 1:  # So written, it catches NaN.
            raise MmdataError(
                f"validation_share={share!r} is out of range: give 0, as published, to under 1, such as 0.1"
            )
        counts: Counter[str] = Counter()
        stray: dict[str, list[str]] = {}
        label_files = {_key(file): file for file in listing.files() if _is_label_file(file)}
        for file in listing.files():
            folder = FOLDER.fullmatch(file.folder.rsplit("/", 1)[-1])
            if _is_label_file(file):
                continue
            if not (folder and folder["what"] == "S" and file.name.lower().endswith(IMAGES)):
                stray.setdefault(file.folder, []).append(file.name)
                continue
            label, view, split = folder["label"], folder["view"] or "", SPLITS[folder["half"]]
            counts[f"{folder['half']}S_{self._name('label', label)}_{self._name('view', view)}"] += 1
            id = f"{split}/{label}/{view}/{file.stem}"
            name = FILE.fullmatch(file.stem)
            data = {"label": label, "view": view}
            if name:
                data |= {"site": name["site"], "subject": f"{name['site']}_{name['number']}"}
            if split == "train" and _drawn(data.get("subject", id)) < share:
                split = "validation"
            files = {"image": file}
            if found := label_files.pop(_key(file), None):
                files["label file"] = found
            yield Item(id, split, files, data)
        if counts:
            yield from self._wrong_counts(counts)
        for folder_name, names in sorted(stray.items()):
            first = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
            yield Finding.warning(
                "stray files",
                f"{folder_name or 'the top folder'}: {len(names)} files left out: {first}; only {', '.join(IMAGES)} in TS_ and "
                "VS_ folders are read",
                [folder_name],
                len(names),
            )
        for name, number in Counter(file.folder for file in label_files.values()).items():
            yield Finding.warning(
                "label files", f"{name}: {number} label files have no picture, left out", [name], number
            )

    def _name(self, field: str, spelling: str) -> str:
        """The class that an alias in a folder's name stands for; an unknown one as it is."""
        labels = self.corpus.labels[field]
        try:
            return labels.names[labels.index(spelling)]
        except Reject:
            return spelling

    def _wrong_counts(self, counts: Counter[str]) -> Iterator[Finding]:
        labels = self.corpus.labels
        known = {f"{half}S_{c}_{v}" for half in EXPECTED for c in labels["label"].names for v in labels["view"].names}
        alike: dict[tuple[int, int], list[str]] = {}
        for name in sorted(known | set(counts)):
            if counts[name] != EXPECTED[name[0]]:
                alike.setdefault((counts[name], EXPECTED[name[0]]), []).append(name)
        for (found, expected), names in alike.items():
            yield Finding.warning("folder count", f"{found} of {expected} in {', '.join(names)}", names, len(names))

    def record(self, item: Item, files: Mapping[str, bytes]) -> Any:
        """The picture with its folder's class, and what its label file says."""
        row = super().record(item, {"image": files["image"]})
        if "label file" in files:
            row |= self._read(item.files["label file"].path, files["label file"], item.data["label"])
        return row

    def _read(self, path: str, content: bytes, label: str) -> dict[str, Any]:
        try:
            one = LabelFile.model_validate_json(content.removeprefix(codecs.BOM_UTF8)).annotations[0]
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "content"
            raise Reject(
                "broken label file",
                field=where,
                value=path,
                reason=f"{path}: {where}: {first['msg']}. Correct the file or remove it",
            ) from None
        told, labels = one.diagnosis_info.diagnosis_name, self.corpus.labels["label"]
        ours = labels.index(label)
        try:
            theirs = labels.index(told) if told else ours
        except Reject as unknown:
            raise Reject(unknown.kind, field="label", value=told, reason=f"{path}: {unknown}") from None
        if theirs != ours:
            raise Reject(
                "contradicting label",
                field="label",
                value=told,
                reason=f"{path} says {told!r}, the folder says {label!r}. Move the picture or correct the file",
            )
        info, person, box = one.diagnosis_info, one.generated_parameters, one.bbox
        return {
            "onset": info.onset,
            "distribution": info.distribution,
            "body_part": info.bodypart,
            "symptom": info.symptom,
            "description": info.desc,
            "iga_grade": info.easi_score.iga_grade,
            "gender": person.gender,
            "age_range": person.age_range,
            "race": person.race,
            "lesion_area": box.lesion_area and box.lesion_area.model_dump(),
            "lesions": [lesion.model_dump() for lesion in box.lesions],
        }


def _drawn(who: str) -> float:
    """A number from 0 to under 1, always the same of the same text: nobody changes splits when others come or go."""
    return int.from_bytes(hashlib.sha256(who.encode()).digest()[:6]) / 2**48


def _is_label_file(file: SourceFile) -> bool:
    return file.name.lower().endswith(".json") and _key(file) is not None


def _key(file: SourceFile) -> tuple[str, str] | None:
    """What a picture and its label file share: `T_건선_정면` and the stem."""
    folder = FOLDER.fullmatch(file.folder.rsplit("/", 1)[-1])
    return (f"{folder['half']}_{folder['label']}_{folder['view']}", file.stem) if folder else None


class _Loose(BaseModel):
    """A part of AI Hub's JSON; it holds more than is kept here, and numbers where one expects text."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)


class _Box(_Loose):
    xpos: float
    ypos: float
    width: float
    height: float


class _Lesion(_Box):
    inflammatory: bool | None = None


class _Boxes(_Loose):
    lesion_area: _Box | None = None
    lesions: list[_Lesion] = []


class _Score(_Loose):
    iga_grade: int | None = None


class _Diagnosis(_Loose):
    diagnosis_name: str | None = None
    onset: str | None = None
    distribution: str | None = None
    bodypart: str | None = None
    symptom: str | None = None
    desc: str | None = None
    easi_score: _Score = _Score()


class _Person(_Loose):
    gender: str | None = None
    age_range: str | None = None
    race: str | None = None


class _Annotation(_Loose):
    diagnosis_info: _Diagnosis = _Diagnosis()
    generated_parameters: _Person = _Person()
    bbox: _Boxes = _Boxes()


class LabelFile(_Loose):
    """One JSON file of `02.라벨링데이터`."""

    annotations: list[_Annotation] = Field(min_length=1, max_length=1)
