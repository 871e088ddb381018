"""What a person means by the AAC cards laid: three interpretations, as the original's `generate_interpretation`.

    python training_recipes/interpret.py --model out/aac/merged --cards 물.png 마시다.png --persona persona.json --context context.json

persona.json is as in `dataset_completed.json`: {"age", "gender", "disability_type", "communication_characteristics",
"interesting_topics": […]}; context.json: {"time", "place", "interaction_partner", "current_activity"}, each of which may
be left out. The words of the questions are those of the corpus's training view, one for each style.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdata.corpus import HOME, Corpus
from mmdata.errors import MmdataError
from mmdata.training_recipes.common.questions import question

if TYPE_CHECKING:
    from mmdata.training_recipes.common.generating import Model


def generate_interpretation(
    images: Sequence[str | Path],
    persona_info: Mapping[str, Any],
    context_info: Mapping[str, Any],
    *,
    model: "Model",
    corpus: str | Path = HOME / "aac",
    max_new_tokens: int = 128,
    temperature: float = 0.0,
) -> list[str]:
    """Three interpretations: the most likely one, an alternative one, a creative one.

    Args:
        images: the cards' picture files, in the order in which they were laid.
        persona_info: who laid them, as `persona` of the original.
        context_info: in what situation, as `context` of the original; empty where nothing is known.
        model: opened, as `generating.Model("out/aac/merged")`.
        corpus: the folder whose view `interpretations` the model was trained on.

    Raises:
        MmdataError: a card is no picture, the persona lacks a key, or the model fails.
    """
    views = Corpus(corpus).module("views")
    pictures = [Path(image).read_bytes() for image in images]
    row = {
        "id": "cards", "persona_id": "", "cards": pictures, "keywords": [], "attributions": [], "persona": dict(persona_info),
        "context": {key: context_info.get(key) for key in views.CONTEXT},
        "output": ["…"] * len(views.STYLES),  # Only the prompts are wanted.
    }  # fmt: skip
    try:
        asked = [question(one["style"], pictures, one["prompt"]) for one in views.interpretations(row)]
    except KeyError as error:
        raise MmdataError(f"the persona lacks {error}; it has: {', '.join(persona_info)}") from None
    if faults := [one.fault for one in asked if one.fault]:
        raise MmdataError(faults[0])
    told = list(model.said(asked, max_new_tokens=max_new_tokens, temperature=temperature))
    if errors := [said["error"] for _, _, said in told if "error" in said]:
        raise MmdataError(errors[0])
    return [said["output"] for _, _, said in told]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a folder (a merged model, an adapter), or a name on the Hub")
    parser.add_argument("--cards", type=Path, nargs="+", required=True, help="the cards' pictures, in order")
    parser.add_argument("--persona", type=Path, required=True, help="a JSON file")
    parser.add_argument("--context", type=Path, help="a JSON file")
    parser.add_argument("--folder", type=Path, default=HOME / "aac", help="the corpus")
    given = parser.parse_args(arguments)
    try:
        persona = json.loads(given.persona.read_text(encoding="utf-8"))
        context = json.loads(given.context.read_text(encoding="utf-8")) if given.context else {}
        from mmdata.training_recipes.common.generating import Model  # What is asked is looked at first.

        for said in generate_interpretation(
            given.cards, persona, context, model=Model(given.model), corpus=given.folder
        ):
            print(said)
    except (MmdataError, OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from None
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
