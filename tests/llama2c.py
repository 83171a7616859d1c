"""A checkpoint and a tokenizer of llama2.c, as the files of a model of transformers."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

SPECIAL = ("<unk>", "<s>", "</s>")


def convert(weights: bytes, pieces: bytes, folder: Path) -> None:
    """Write ``config.json``, ``model.safetensors`` and the tokenizer's files."""
    model = model_of(weights)
    model.save_pretrained(folder)
    sizes = {"model_max_length": model.config.max_position_embeddings, "clean_up_tokenization_spaces": False}
    names = dict(zip(("unk_token", "bos_token", "eos_token"), SPECIAL, strict=True))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", **names, **sizes}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_of(pieces)), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(about), encoding="utf-8")


def model_of(content: bytes) -> Any:
    """The Llama of a checkpoint in the first format (``export.py --version 0``) whose head is its embedding."""
    from transformers import LlamaConfig, LlamaForCausalLM

    width, hidden, layers, heads, shared_heads, vocabulary, length = struct.unpack("7i", content[:28])
    config = LlamaConfig(
        hidden_size=width,
        intermediate_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=shared_heads,
        vocab_size=vocabulary,
        max_position_embeddings=length,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = LlamaForCausalLM(config)
    model.load_state_dict(_tensors(torch.frombuffer(bytearray(content[28:]), dtype=torch.float32), config))
    return model


def tokenizer_of(content: bytes) -> dict[str, Any]:
    """``tokenizer.json`` of a SentencePiece vocabulary of pieces with scores, and of bytes for all else."""
    vocabulary, scores, at = {}, {}, 4
    while at < len(content):
        score, length = struct.unpack("fi", content[at : at + 8])
        text = content[at + 8 : at + 8 + length].decode("utf-8").replace(" ", "▁")
        number = len(vocabulary)
        piece = SPECIAL[number] if number < len(SPECIAL) else text
        vocabulary[piece], scores[piece] = number, score
        at += 8 + length
    blank = {"String": " "}, {"String": "▁"}
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": number, "content": text, "special": True, "normalized": False}
            | dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
            for number, text in enumerate(SPECIAL)
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": blank[0], "content": "▁"},
            ],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [
                part
                for name, of in (("A", 0), ("B", 1))
                for part in ({"SpecialToken": {"id": "<s>", "type_id": of}}, {"Sequence": {"id": name, "type_id": of}})
            ],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": blank[1], "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": vocabulary,
            "merges": _merges(vocabulary, scores),
        },
    }


def _merges(vocabulary: dict[str, int], scores: dict[str, float]) -> list[Sequence[str]]:
    """Every way to put a piece together from two others, the best pieces first."""
    found = []
    for piece in vocabulary:
        ways = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [(left, right) for left, right in ways if left in vocabulary and right in vocabulary]
        found += sorted(known, key=lambda way: (vocabulary[way[0]], vocabulary[way[1]]))
    return sorted(found, key=lambda way: -scores["".join(way)])


def _tensors(numbers: Tensor, config: Any) -> dict[str, Tensor]:
    """The tensors one behind the other; queries and keys turn neighbours there, and halves in transformers."""
    width, hidden, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    head, vocabulary = width // config.num_attention_heads, config.vocab_size
    narrow = head * config.num_key_value_heads
    at = 0

    def taken(*shape: int) -> Tensor:
        nonlocal at
        count = int(torch.tensor(shape).prod())
        at += count
        return numbers[at - count : at].reshape(shape).clone()

    def halves(rows: Tensor) -> Tensor:
        return rows.reshape(-1, head // 2, 2, width).transpose(1, 2).reshape(rows.shape)

    tensors = {"model.embed_tokens.weight": taken(vocabulary, width)}
    stacks = {
        "input_layernorm": taken(layers, width),
        "self_attn.q_proj": taken(layers, width, width),
        "self_attn.k_proj": taken(layers, narrow, width),
        "self_attn.v_proj": taken(layers, narrow, width),
        "self_attn.o_proj": taken(layers, width, width),
        "post_attention_layernorm": taken(layers, width),
        "mlp.gate_proj": taken(layers, hidden, width),
        "mlp.down_proj": taken(layers, width, hidden),
        "mlp.up_proj": taken(layers, hidden, width),
    }
    for name, stack in stacks.items():
        turned = name.endswith(("q_proj", "k_proj"))
        for layer in range(layers):
            tensors[f"model.layers.{layer}.{name}.weight"] = halves(stack[layer]) if turned else stack[layer]
    tensors["model.norm.weight"] = taken(width)
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    return tensors
