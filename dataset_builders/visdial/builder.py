"""VisDial v1.0: dialogues about pictures, from the official JSON and pictures found by their official names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import datasets

from mmdata import CorpusBuilder, Finding, Item, Listing, MmdataError, Reject, SourceFile
from mmdata.schemas import Picture, VisualDialogue

from .official import DENSE, FILE, PICTURES, SPLITS, Dialogue, dense_annotations, image_id_of

Dense = dict[int, list[tuple[int, list[float], str]]]


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
        dense = self._dense(listing)
        for file in listing.files():
            if found := FILE.fullmatch(file.name):
                yield from self._dialogues(listing, file, found["split"], dense[found["split"]])
        for split, left in dense.items():
            if left:
                places = [f"{at}: {split}/{image_id}" for image_id, many in left.items() for _, _, at in many]
                text = f"{len(places)} dense annotations are of no dialogue here, left out: {places[0]}"
                yield Finding.warning("dense annotations", text, places, len(places))

    def _dialogues(self, listing: Listing, file: SourceFile, split: str, dense: Dense) -> Iterator[Item]:
        pools = {"data.questions": False, "data.answers": False}
        count = 0
        for key, raw in listing.json_parts(file, ["data.dialogs"]):
            if key == "data.dialogs":
                yield self._item(listing, raw, f"{file.path}: dialogs[{count}]", file.path, split, dense)
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

    def _item(self, listing: Listing, raw: bytes, at: str, path: str, split: str, dense: Dense) -> Item:
        image_id = image_id_of(raw)
        data: dict[str, Any] = {"dialogue": raw, "at": at, "file": path}
        if image_id is None:
            return Item(at, SPLITS[split], {}, data, at)
        if annotated := dense.pop(image_id, None):
            data["dense"] = annotated
        files = {}
        if self.config.pictures:
            names = [name.format(image_id) for name in PICTURES[split]]
            found = [one for name in names for one in listing.named(name)]
            if len(found) == 1:
                files = {"image": found[0]}
            data["pictures"] = [one.path for one in found]
        return Item(f"{split}/{image_id}", SPLITS[split], files, data, at)

    def _dense(self, listing: Listing) -> dict[str, Dense]:
        dense: dict[str, Dense] = {split: {} for split in SPLITS}
        for file in listing.files():
            if found := DENSE.fullmatch(file.name):
                with listing.open(file) as opened:
                    content = opened.read()
                try:
                    for image_id, annotated in dense_annotations(content, file.path).items():
                        dense[found["split"]].setdefault(image_id, []).extend(annotated)
                except ValueError as error:
                    raise MmdataError(f"{file.path}: {error}. Give the official file, or remove it") from None
        return dense

    def record(self, item: Item, files: Mapping[str, bytes]) -> Any:
        """The dialogue in words, with its picture."""
        data, split = item.data, item.id.partition("/")[0]
        pools = (self.shared(f"{data['file']} data.{pool}") for pool in ("questions", "answers"))
        said = Dialogue(data["dialogue"], data["at"], *pools)
        if item.id != f"{split}/{said.image_id}":
            why = f"{data['at']}: its image_id {said.image_id!r} is not where, or what, it should be"
            raise Reject("broken dialogue", field="image_id", value=said.image_id, reason=why)
        for number, relevance, place in data.get("dense", ()):
            said.annotate(number, relevance, place)
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
        raise MmdataError(f"{place} is no list of texts, so this is no VisDial v1.0 file")
    return texts
