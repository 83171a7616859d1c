"""What fetches the real data makes of its sources what the tests read."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from tests import real_data
from tests.hub.server import StandIn
from tests.llama2c import convert, model_of

SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}
HEADS = {"num_key_value_heads": 2, "vocab_size": 262, "max_position_embeddings": 32, "rms_norm_eps": 1e-5}


def exported(model: LlamaForCausalLM) -> bytes:
    """The checkpoint as llama2.c writes it: sizes, then stacks of tensors, neighbours turned in queries and keys."""
    config = model.config
    heads = config.num_attention_heads, config.num_key_value_heads
    sizes = (config.hidden_size, config.intermediate_size, config.num_hidden_layers, *heads, config.vocab_size)
    state = model.state_dict()

    def neighbours(rows: torch.Tensor) -> torch.Tensor:
        half = config.hidden_size // heads[0] // 2
        return torch.stack([row for at in range(0, len(rows), 2 * half) for pair in range(half)
                            for row in (rows[at + pair], rows[at + half + pair])])  # fmt: skip

    parts = [state["model.embed_tokens.weight"]]
    for name in ("input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                 "post_attention_layernorm", "mlp.gate_proj", "mlp.down_proj", "mlp.up_proj"):  # fmt: skip
        for layer in range(config.num_hidden_layers):
            tensor = state[f"model.layers.{layer}.{name}.weight"]
            parts.append(neighbours(tensor) if name.endswith(("q_proj", "k_proj")) else tensor)
    parts.append(state["model.norm.weight"])
    numbers = torch.cat([part.flatten() for part in parts])
    angles = torch.zeros(config.max_position_embeddings * config.hidden_size // heads[0])  # not read
    length = struct.pack("7i", *sizes, config.max_position_embeddings)
    return length + numbers.numpy().tobytes() + angles.numpy().tobytes()


def pieces_of(vocabulary: dict[str, int]) -> bytes:
    """The vocabulary as llama2.c writes it: the longest, then score, length and bytes of each piece."""
    texts = [text.replace("▁", " ").encode() for text in sorted(vocabulary, key=vocabulary.__getitem__)]
    scored = [(0.0 if number < 259 else 259.0 - number, text) for number, text in enumerate(texts)]
    return struct.pack("i", max(map(len, texts))) + b"".join(
        struct.pack("fi", score, len(text)) + text for score, text in scored
    )


def test_a_checkpoint_comes_back_from_its_export() -> None:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SIZES, **HEADS, tie_word_embeddings=True)).eval()
    ids = torch.arange(24).reshape(2, 12)
    again = model_of(exported(model)).eval()
    with torch.no_grad():
        assert torch.equal(again(ids).logits, model(ids).logits)


def test_a_vocabulary_is_read_as_its_pieces_are_spelt(tmp_path: Path) -> None:
    torch.manual_seed(0)
    words = ["▁", "h", "i", "▁h", "▁hi"]
    vocabulary = {
        text: at for at, text in enumerate(["<unk>", "<s>", "</s>", *(f"<0x{n:02X}>" for n in range(256)), *words])
    }
    sizes = {**SIZES, **HEADS, "vocab_size": len(vocabulary)}
    model = LlamaForCausalLM(LlamaConfig(**sizes, tie_word_embeddings=True))
    convert(exported(model), pieces_of(vocabulary), tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer("hi hé").input_ids == [1, vocabulary["▁hi"], vocabulary["▁h"], 3 + 0xC3, 3 + 0xA9]
    assert tokenizer.decode(tokenizer("hi hé").input_ids, skip_special_tokens=True) == "hi hé"


def texts_of(file: Path) -> list[str]:
    return [json.loads(line)["text"] for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.slow
def test_the_sources_give_the_data(
    hub: StandIn, tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {part: texts_of(shared_data / "tinystories" / f"{part}.jsonl") for part in ("train", "validation")}
    folder = shared_data / "models" / "stories260K"
    real, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    text = f"\n{real_data.MARK}\n".join(story for stories in kept.values() for story in stories)
    hub.add("roneneldan/TinyStories", {"TinyStories-valid.txt": text}, kind="dataset")
    hub.add(
        "karpathy/tinyllamas",
        {"stories260K/stories260K.bin": exported(real), "stories260K/tok512.bin": pieces_of(tokenizer.get_vocab())},
    )
    hub.add("openai-community/gpt2", {path.name: path for path in (shared_data / "tokenizers" / "gpt2").iterdir()})
    parts = ("tinystories", "models/stories260K", "tokenizers/gpt2")
    monkeypatch.setattr(real_data, "PARTS", {name: real_data.PARTS[name] for name in parts})
    real_data.main([str(tmp_path)])
    assert {part: texts_of(tmp_path / "tinystories" / f"{part}.jsonl") for part in kept} == kept
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "models" / "stories260K")
    assert all(torch.equal(tensor, real.state_dict()[name]) for name, tensor in again.state_dict().items())
    for place in parts[1:]:
        ours, theirs = (AutoTokenizer.from_pretrained(root / place) for root in (tmp_path, shared_data))
        assert ours(kept["validation"][:50]).input_ids == theirs(kept["validation"][:50]).input_ids
    hub.clear()
    real_data.main([str(tmp_path)])  # what is there is not asked for again
    assert not hub.asked("resolve")
