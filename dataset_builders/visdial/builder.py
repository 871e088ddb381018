"""VisDial v1.0: dialogues about pictures, from the official JSON and pictures found by their official names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import datasets

from mmdata import CorpusBuilder, Finding, Item, Listing, MmdataError, Reject, SourceFile
from mmdata.schemas import Picture, VisualDialogue

from .official import DENSE, FILE, PICTURES, SPLITS, Dense, Dialogue, dense_annotations, image_id_of, misfits

Annotations = dict[int, list[Dense]]
"""By picture."""


@dataclass
class Options(datasets.BuilderConfig):
    """What a build may do without."""

    pictures: bool = True
    """A dialogue must have its picture. False: no picture is looked for, and none is in the release."""


class VisDial(CorpusBuilder):
    """Ten rounds of questions and answers about each picture, with 100 answers to choose from."""

    schema = VisualDialogue
    layout = (
        "visdial_1.0_{train,val,test}*.json (or .json.gz), in any folders the pictures under their official names "
        "(COCO_train2014_…, COCO_val2014_…, VisualDialog_val2018_…, VisualDialog_test2018_…), and *dense*.json"
    )
    BUILDER_CONFIG_CLASS = Options
    BUILDER_CONFIGS = [  # noqa: RUF012 - as `datasets` has it
        Options(name="with_images", description="Dialogues that have their picture; one without is rejected."),
        Options(name="text_only", description="All dialogues, without pictures.", pictures=False),
    ]
    DEFAULT_CONFIG_NAME = "with_images"

    def items(self, listing: Listing) -> Iterator[Item | Finding]:
        """A row a dialogue. The file is gone through once, whatever the order of its keys; the pools are shared."""
        wrong: list[str] = []
        dense = self._dense(listing, wrong)
        for file in listing.files():
            if found := FILE.fullmatch(file.name):
                yield from self._dialogues(listing, file, found["split"], dense[found["split"]], wrong)
        if wrong:
            text = f"{len(wrong)} dense annotations are wrong and left out, their dialogues are not: {wrong[0]}"
            yield Finding.warning("dense annotations", text, wrong, len(wrong))
        for split, left in dense.items():
            if left:
                places = [f"{one.place}: {split}/{image_id}" for image_id, many in left.items() for one in many]
                text = f"{len(places)} dense annotations are of no dialogue here, left out: {places[0]}"
                yield Finding.warning("dense annotations", text, places, len(places))

    def _dialogues(
        self, listing: Listing, file: SourceFile, split: str, dense: Annotations, wrong: list[str]
    ) -> Iterator[Item]:
        pools = {"data.questions": False, "data.answers": False}
        count = 0
        for key, raw in listing.json_parts(file, ["data.dialogs"]):
            if key == "data.dialogs":
                at, image_id = f"{file.path}: dialogs[{count}]", image_id_of(raw)
                annotated = dense.pop(image_id, []) if image_id is not None else []
                misfit = misfits(raw, at, annotated) if annotated else {}
                wrong += misfit.values()  # A dialogue is not lost for them.
                fitting = [(one.round, one.relevance) for one in annotated if one.place not in misfit]
                data = {"dialogue": raw, "at": at, "file": file.path} | ({"dense": fitting} if fitting else {})
                yield self._item(listing, split, image_id, data)
                count += 1
            elif key in pools:
                self.share(f"{file.path} {key}", _pool(raw, f"{file.path}: {key}"))
                pools[key] = True
            elif key == "split" and not raw.startswith(f'"{split}'.encode()):
                said = raw[:30].decode(errors="replace")
                raise MmdataError(f"{file.path}: it says that its split is {said}, its name says {split}. Rename it")
        lacking = [key for key, there in pools.items() if not there]
        if lacking or not count:
            raise MmdataError(
                f"{file.path}: it has no {', '.join(lacking) or 'data.dialogs'}, so it is no VisDial v1.0 file. "
                "Remove it from the source, or give the official one"
            )

    def _item(self, listing: Listing, split: str, image_id: int | None, data: dict[str, Any]) -> Item:
        if image_id is None:
            return Item(data["at"], SPLITS[split], {}, data, data["at"])
        files = {}
        if self.config.pictures:
            names = [name.format(image_id) for name in PICTURES[split]]
            found = [one for name in names for one in listing.named(name)]
            if len(found) == 1:
                files = {"image": found[0]}
            data["pictures"] = [one.path for one in found]
        return Item(f"{split}/{image_id}", SPLITS[split], files, data, data["at"])

    def _dense(self, listing: Listing, wrong: list[str]) -> dict[str, Annotations]:
        dense: dict[str, Annotations] = {split: {} for split in SPLITS}
        for file in listing.files():
            if found := DENSE.fullmatch(file.name):
                with listing.open(file) as opened:
                    content = opened.read()
                try:
                    for one in dense_annotations(content, file.path):
                        if isinstance(one, str):
                            wrong.append(one)
                        else:
                            dense[found["split"]].setdefault(one[0], []).append(one[1])
                except ValueError as error:
                    raise MmdataError(f"{file.path}: {error}. Give the official file, or remove it") from None
        return dense

    def record(self, item: Item, files: Mapping[str, bytes]) -> Any:
        """The dialogue in words, with its picture."""
        data, split = item.data, item.id.partition("/")[0]
        pools = (self.shared(f"{data['file']} data.{pool}") for pool in ("questions", "answers"))
        said = Dialogue(data["dialogue"], data["at"], *pools)
        if item.id != f"{split}/{said.image_id}":
            why = (
                f"{data['at']}: its image_id {said.image_id!r} is not where, or what, it should be: beside caption and "
                "dialog, one number of up to 12 digits. Correct the file, or remove the dialogue"
            )
            raise Reject("broken dialogue", field="image_id", value=said.image_id, reason=why)
        for number, relevance in data.get("dense", ()):
            said.annotate(number, relevance)
        names = [name.format(said.image_id) for name in PICTURES[split]]
        if len(data.get("pictures", ())) > 1:
            why = f"{data['at']}: the source has {' and '.join(data['pictures'])}. Leave one of them there"
            raise Reject("ambiguous picture", field="image", value=names[0], reason=why)
        if self.config.pictures and not files:
            why = (
                f"{data['at']}: the source has no picture {' or '.join(names)}. Add it, in any folder, "
                "or build without pictures: --config text_only"
            )
            raise Reject("missing picture", field="image", value=names[0], reason=why)
        picture = item.files.get("image")
        return {
            "id": item.id,
            "image": picture and Picture(path=picture.path, bytes=files["image"]),
            "image_id": said.image_id,
            "image_file": picture.name if picture else names[0] if len(names) == 1 else None,
            "caption": said.caption,
            "conversation": said.conversation(),
            "response": said.turns[-1]["answer"],
            "turns": said.turns,
            "rankings": said.rankings,
        }


def _pool(raw: bytes, place: str) -> list[str]:
    from pydantic_core import from_json

    try:
        texts = from_json(raw)
    except ValueError as error:
        raise MmdataError(f"{place}: no JSON: {error}. Copy or download the file again") from None
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise MmdataError(f"{place} is no list of texts, so this is no VisDial v1.0 file. Give the official one")
    return texts
