"""Models of random weights with real processors, to try a recipe in seconds on a CPU, with no download.

python training_recipes/models/tiny.py gemma3 out/tiny/gemma3
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
import trl
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SENTENCES = [
    "이 정면 사진의 진단명과 소견을 작성해 주세요. 이 측면 사진의 진단명과 소견을 작성해 주세요.",
    "<label>건선</label> <label>아토피</label> <label>여드름</label> <label>주사</label> <label>지루</label> <label>정상</label>",
    "<summary>경계가 분명한 붉은 판 위에 은백색 인설이 보입니다. 뚜렷한 병변은 보이지 않습니다.</summary> 진단불가",
    "카드를 내놓은 사람 - 나이: 청소년 성인 - 성별: 남성 여성 - 장애 유형: 지적장애 자폐스펙트럼장애 의사소통장애 - 의사소통 특성: "
    "- 관심 주제: 상황 - 시간: - 장소: - 대화 상대: - 현재 활동: 카드를 내놓은 순서 카드 1: 카드 2: 카드 3: 카드 4:",
    "이 사람이 카드로 하려는 말을 자연스러운 한국어 한 문장으로 해석하세요. 해석 방식: 가장 그럴듯한 해석 <most_likely> "
    "다른 관점의 해석 <alternative> 창의적인 해석 <creative> 물을 마시고 싶어요. 집에 가고 싶어요.",
    "계절: 봄 여름 가을 겨울 카테고리: 상의 아우터 하의 신발 종류: 색상: 이 옷에 어울리는 코디를 추천해 주세요. "
    '{"answer": "추천합니다.", "recommend": {"상의": [], "아우터": [], "하의": [], "신발": []}}',
    "Answer the last question about the picture, in a few words, as a person would. Q: is it sunny? A: yes no, 2 can't tell",
    "Describe the person in this picture as a JSON object with the keys fashion_style, vibe_category. A red plaque on the left.",
]
"""What the tokenizer learns its words from; all other text is spelt in bytes."""
SIZE = 64
TEXT = {
    "hidden_size": SIZE, "intermediate_size": 2 * SIZE, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": SIZE // 2, "max_position_embeddings": 8192,
}  # fmt: skip
VISION = {
    "hidden_size": SIZE, "intermediate_size": 2 * SIZE, "num_hidden_layers": 2, "num_attention_heads": 2,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip

Made = tuple[transformers.PreTrainedModel, transformers.ProcessorMixin]


def gemma3() -> Made:
    tokenizer = _tokenizer(
        bos="<bos>", eos="<eos>", pad="<pad>", others=["<start_of_turn>", "<end_of_turn>"],
        named={"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"},
    )  # fmt: skip
    pictures = transformers.Gemma3ImageProcessor(size={"height": 32, "width": 32})
    processor = transformers.Gemma3Processor(
        pictures, tokenizer, image_seq_length=4, chat_template=_template("gemma3")
    )  # fmt: skip
    number = tokenizer.convert_tokens_to_ids
    config = transformers.Gemma3Config(
        text_config=TEXT | {"vocab_size": len(tokenizer), "sliding_window": 64, "query_pre_attn_scalar": SIZE // 2},
        vision_config=VISION | {"model_type": "siglip_vision_model", "vision_use_head": False},
        mm_tokens_per_image=4, tie_word_embeddings=True, image_token_index=number("<image_soft_token>"),
        boi_token_index=number("<start_of_image>"), eoi_token_index=number("<end_of_image>"),
    )  # fmt: skip
    return _model(transformers.Gemma3ForConditionalGeneration, config, tokenizer, "<end_of_turn>"), processor


def qwen3_vl() -> Made:
    tokenizer = _tokenizer(
        eos="<|im_end|>", pad="<|endoftext|>",
        others=["<|im_start|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"],
    )  # fmt: skip
    patches = {"patch_size": 16, "merge_size": 2, "temporal_patch_size": 2}
    area = {"shortest_edge": 32 * 32, "longest_edge": 64 * 64}
    processor = transformers.Qwen3VLProcessor(
        transformers.Qwen2VLImageProcessor(**patches, size=area), tokenizer, transformers.Qwen3VLVideoProcessor(),
        chat_template=_template("qwen3_vl"),
    )  # fmt: skip
    number = tokenizer.convert_tokens_to_ids
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [8, 4, 4], "mrope_interleaved": True}
    config = transformers.Qwen3VLConfig(
        text_config=TEXT | {"vocab_size": len(tokenizer), "rope_parameters": rope},
        vision_config={
            "depth": 2, "hidden_size": SIZE, "intermediate_size": 2 * SIZE, "num_heads": 2, "patch_size": 16,
            "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": SIZE, "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=number("<|image_pad|>"), video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"), vision_end_token_id=number("<|vision_end|>"),
        tie_word_embeddings=True,
    )  # fmt: skip
    return _model(transformers.Qwen3VLForConditionalGeneration, config, tokenizer, "<|im_end|>"), processor


def mllama() -> Made:
    """Llama 3.2 Vision. The picture's token is the last: it has no place in the output layer, as in the real one."""
    turns = ["<|start_header_id|>", "<|end_header_id|>", "<|python_tag|>"]
    tokenizer = _tokenizer(bos="<|begin_of_text|>", eos="<|eot_id|>", pad="<|finetune_right_pad_id|>", others=turns)
    tokenizer.add_tokens(["<|image|>"] + [f"<|reserved_{n}|>" for n in range(7)], special_tokens=True)
    vocabulary = tokenizer.convert_tokens_to_ids("<|image|>")
    pictures = transformers.MllamaImageProcessor(size={"height": 32, "width": 32}, max_image_tiles=2)
    processor = transformers.MllamaProcessor(pictures, tokenizer, chat_template=_own_template("llama3_2_vision"))
    text = {name: value for name, value in TEXT.items() if name != "head_dim"} | _ends(tokenizer)
    config = transformers.MllamaConfig(
        text_config=text | {
            "vocab_size": vocabulary, "num_hidden_layers": 3, "cross_attention_layers": [1],
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4}, "tie_word_embeddings": False,
        },
        vision_config={
            "hidden_size": SIZE, "intermediate_size": 2 * SIZE, "num_hidden_layers": 2, "num_global_layers": 1,
            "attention_heads": 2, "image_size": 32, "patch_size": 8, "max_num_tiles": 2, "vision_output_dim": 2 * SIZE,
            "intermediate_layers_indices": [0], "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
        },
        image_token_index=vocabulary,
    )  # fmt: skip
    model = _model(transformers.MllamaForConditionalGeneration, config, tokenizer, "<|eot_id|>")
    with torch.no_grad():  # A real one has learnt to open these; at zero no picture gets through.
        for name, weight in model.named_parameters():
            if name.endswith("gate"):
                weight.fill_(1.0)
    return model, processor


def phi4mm() -> Made:
    """Phi-4-multimodal. Its processor knows pictures of 448 pixels only, so it is the slowest of these.

    AutoProcessor gives such a processor no chat template; its tokenizer gets it.
    """
    turns = ["<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]
    named = {"image_token": "<|image|>", "audio_token": "<|audio|>"}
    tokenizer = _tokenizer(bos="<s>", eos="<|end|>", pad="<|endoftext|>", others=turns, named=named)
    number = tokenizer.convert_tokens_to_ids
    pictures = transformers.Phi4MultimodalImageProcessor(
        size={"height": 448, "width": 448}, patch_size=14, dynamic_hd=1
    )
    processor = transformers.Phi4MultimodalProcessor(pictures, transformers.Phi4MultimodalFeatureExtractor(), tokenizer)
    processor.chat_template = _own_template("phi4_multimodal")  # Its own __init__ takes none.
    sizes = {"hidden_size": SIZE, "intermediate_size": 2 * SIZE, "num_attention_heads": 2}
    config = transformers.Phi4MultimodalConfig(
        **{name: value for name, value in TEXT.items() if name != "head_dim"}, vocab_size=len(tokenizer),
        original_max_position_embeddings=8192, tie_word_embeddings=True, **_ends(tokenizer),
        vision_config=sizes | {
            "num_hidden_layers": 2, "image_size": 448, "crop_size": 448, "patch_size": 14,
            "image_token_id": number("<|image|>"),
        },
        audio_config=sizes | {
            "num_blocks": 1, "ext_pw_out_channel": SIZE, "depthwise_separable_out_channel": SIZE,
            "nemo_conv_channels": SIZE, "audio_token_id": number("<|audio|>"),
        },
    )  # fmt: skip
    return _model(transformers.Phi4MultimodalForCausalLM, config, tokenizer, "<|end|>"), processor


def clip() -> Made:
    tokenizer = _tokenizer(bos="<|startoftext|>", eos="<|endoftext|>", pad="<pad>")
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    config = transformers.CLIPConfig(
        text_config=_plain_text(tokenizer) | {"max_position_embeddings": 77}, vision_config=VISION, projection_dim=32
    )
    processor = transformers.CLIPProcessor(transformers.CLIPImageProcessor(**size), tokenizer)
    return _model(transformers.CLIPModel, config, tokenizer), processor


def siglip2() -> Made:
    tokenizer = _tokenizer(bos="<bos>", eos="<eos>", pad="<pad>", others=["<unk>"])
    config = transformers.Siglip2Config(
        text_config=_plain_text(tokenizer) | {"max_position_embeddings": 64, "projection_size": SIZE},
        vision_config={name: VISION[name] for name in VISION if name != "image_size"}
        | {"num_patches": 16, "patch_size": 16},
    )
    pictures = transformers.Siglip2ImageProcessor(max_num_patches=16, patch_size=16)
    return _model(transformers.Siglip2Model, config, tokenizer), transformers.Siglip2Processor(pictures, tokenizer)


FAMILIES: dict[str, Callable[[], Made]] = {
    one.__name__: one for one in (gemma3, qwen3_vl, mllama, phi4mm, clip, siglip2)
}


def write(family: str, folder: str | Path) -> Path:
    """Writes a tiny model and its processor, to `from_pretrained` from; the same weights each time.

    Args:
        family: of FAMILIES.
        folder: is made.

    Returns: the folder.
    """
    model, processor = FAMILIES[family]()
    processor.save_pretrained(folder)
    model.save_pretrained(folder)
    return Path(folder)


def _tokenizer(
    *,
    eos: str,
    pad: str,
    bos: str | None = None,
    others: list[str] | None = None,
    named: dict[str, str] | None = None,
) -> transformers.PreTrainedTokenizerFast:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    first = dict.fromkeys([pad, *([bos] if bos else []), eos, *(others or []), *(named or {}).values()])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1024, special_tokens=[*first], initial_alphabet=alphabet, show_progress=False
    )  # fmt: skip
    raw.train_from_iterator(SENTENCES * 2, trainer)  # A pair is merged from its second time on.
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token=bos, eos_token=eos, pad_token=pad, extra_special_tokens=named
    )


def _template(name: str) -> str:
    """The official one of a family, as TRL ships it and knows it again."""
    return (Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_text(encoding="utf-8")


def _own_template(name: str) -> str:
    return (Path(__file__).parent.parent / "configs" / f"{name}.jinja").read_text(encoding="utf-8")


def _plain_text(tokenizer: transformers.PreTrainedTokenizerFast) -> dict[str, Any]:
    sizes = {name: TEXT[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers")}
    return sizes | {"num_attention_heads": 2, "vocab_size": len(tokenizer)} | _ends(tokenizer)


def _ends(tokenizer: transformers.PreTrainedTokenizerFast) -> dict[str, int | None]:
    return {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}


def _model(
    kind: type[transformers.PreTrainedModel],
    config: transformers.PreTrainedConfig,
    tokenizer: transformers.PreTrainedTokenizerFast,
    turn_ends: str = "",
) -> transformers.PreTrainedModel:
    for name, number in _ends(tokenizer).items():
        setattr(config.get_text_config(), name, number)
    model = kind(config).float().eval()
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():  # The usual 0.02 is made for wide layers: at this width the picture's signal would vanish.
        for weight in model.parameters():
            if weight.dim() >= 2:
                weight.copy_(torch.randn(weight.shape, generator=random) * weight[0].numel() ** -0.5)
    if turn_ends:
        model.generation_config.pad_token_id = tokenizer.pad_token_id
        # A list, as the real ones have: the trainer would put the tokenizer's own in the place of a single other one.
        ends = dict.fromkeys([tokenizer.eos_token, turn_ends])
        model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids([*ends])
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    sys.stdout.write(f"{write(asked.family, asked.folder)}\n")
