"""One picture and one text, to ask two models the same."""

from typing import Any

import torch
from PIL import Image


def probe(processor: Any) -> Any:
    """A picture of all brightnesses and a text in two languages, as the model takes them."""
    picture = Image.radial_gradient("L").convert("RGB").resize((96, 64))
    content = [
        {"type": "image", "image": picture},
        {"type": "text", "text": "무엇이 보입니까? What do you see, 1, 2, 3?"},
    ]
    return processor.apply_chat_template(
        [{"role": "user", "content": content}],
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
    )


def logits(model: Any, asked: Any) -> torch.Tensor:
    """Of every position of the probe, in float32."""
    with torch.no_grad():
        return model(**asked).logits[0].float().cpu()
