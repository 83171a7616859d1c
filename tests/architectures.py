"""Tiny random models of many architectures, built from their configurations: shared by tests and by the docs' table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, PreTrainedModel

VOCAB_SIZE = 101
TINY = {
    "vocab_size": VOCAB_SIZE,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LLAMA = {"num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 64}
GEMMA = LLAMA | {"head_dim": 8}
MIXTURE = LLAMA | {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
STRONG = {"initializer_range": 0.5}  # logits of several units, so that a softcap shows
VISION = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 8,
    "patch_size": 4,
}
# Embeddings for each layer, and upper layers that look at the keys of the last lower one of their kind.
SHARED_KEYS = {
    "vocab_size_per_layer_input": VOCAB_SIZE,
    "hidden_size_per_layer_input": 8,
    "num_hidden_layers": 4,
    "num_kv_shared_layers": 2,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
}
ROTATED = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [1, 1, 2]}  # by time, height and width
QWEN_VL = {
    "text_config": TINY | LLAMA | {"rope_parameters": ROTATED},
    "vision_start_token_id": 3,
    "vision_end_token_id": 4,
    "image_token_id": 5,
    "video_token_id": 6,
}
QWEN_VISION = {"depth": 2, "num_heads": 2, "patch_size": 4}


def build(model_type: str, auto: Any = AutoModelForCausalLM, **settings: Any) -> PreTrainedModel:
    """A model in evaluation mode with random weights, the same at each call; biases of the head are not zero."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: PreTrainedModel = auto.from_config(AutoConfig.for_model(model_type, **settings), dtype=torch.float32)
        bias = getattr(model.get_output_embeddings(), "bias", None)
        if bias is not None:
            torch.nn.init.normal_(bias)
        for name, weight in model.named_parameters():
            if name.endswith("mm_input_projection_weight"):  # Gemma 3 begins with 0, and sees no picture
                torch.nn.init.normal_(weight, std=0.02)
    return model.eval()


def tiny(model_type: str, **settings: Any) -> Callable[[], PreTrainedModel]:
    """A factory of a text model with the settings that all architectures share."""
    return partial(build, model_type, **(TINY | settings))


ARCHITECTURES: dict[str, Callable[[], PreTrainedModel]] = {
    "Bamba": tiny(
        "bamba",
        **LLAMA,
        attn_layer_indices=[1],
        mamba_n_heads=8,
        mamba_d_head=8,
        mamba_d_state=8,
        mamba_chunk_size=8,
    ),
    "BioGPT": tiny("biogpt", intermediate_size=48),
    "BLOOM": tiny("bloom"),
    "CodeGen": tiny("codegen", n_positions=64, rotary_dim=4, num_attention_heads=4),
    "Cohere": tiny("cohere", **LLAMA),
    "Cohere 2": tiny("cohere2", **LLAMA),
    "CTRL": tiny("ctrl", dff=48, n_positions=64),
    "DeepSeek-V3": tiny(
        "deepseek_v3",
        **(MIXTURE | {"num_key_value_heads": 4}),
        kv_lora_rank=8,
        q_lora_rank=8,
        qk_rope_head_dim=4,
        qk_nope_head_dim=4,
        v_head_dim=8,
        n_group=1,
        topk_group=1,
        n_routed_experts=4,
        first_k_dense_replace=1,
    ),
    "Falcon": tiny("falcon"),
    "Falcon-H1": tiny(
        "falcon_h1",
        **GEMMA,
        lm_head_multiplier=0.5,
        mamba_d_ssm=64,
        mamba_n_heads=8,
        mamba_d_head=8,
        mamba_d_state=8,
        mamba_chunk_size=8,
    ),
    "Falcon Mamba": tiny("falcon_mamba", state_size=8),
    "Gemma": tiny("gemma", **GEMMA),
    "Gemma 2": tiny("gemma2", **GEMMA, **STRONG),
    "Gemma 3": tiny("gemma3_text", **GEMMA),
    "Gemma 3 (images and text)": partial(
        build,
        "gemma3",
        AutoModelForImageTextToText,
        text_config=TINY | GEMMA,
        vision_config=VISION,
        mm_tokens_per_image=1,
        image_token_index=5,
        boi_token_index=6,
        eoi_token_index=7,
    ),
    "Gemma 3n": tiny("gemma3n_text", **(GEMMA | STRONG | SHARED_KEYS), altup_num_inputs=3, laurel_rank=8),
    "Gemma 4": partial(
        build,
        "gemma4",
        AutoModelForImageTextToText,
        text_config=TINY
        | GEMMA
        | STRONG
        | SHARED_KEYS
        | {"global_head_dim": 16, "final_logit_softcapping": 30.0, "use_bidirectional_attention": "vision"},
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "patch_size": 4,
            "pooling_kernel_size": 2,
            "position_embedding_size": 8,
        },
        boi_token_id=3,
        boa_token_id=3,
        eoi_token_id=4,
        eoa_token_index=4,
        image_token_id=5,
        video_token_id=6,
        audio_token_id=7,
    ),
    "GLM": tiny("glm", **GEMMA),
    "GPT": tiny("openai-gpt"),
    "GPT-2": tiny("gpt2", n_positions=64),
    "GPT BigCode": tiny("gpt_bigcode", n_positions=64),
    "GPT-J": tiny("gptj", n_positions=64, rotary_dim=4),
    "GPT-Neo": tiny("gpt_neo", attention_types=[[["global", "local"], 1]], max_position_embeddings=64),
    "GPT-NeoX": tiny("gpt_neox", intermediate_size=48, max_position_embeddings=64),
    "GPT-OSS": tiny("gpt_oss", **MIXTURE, head_dim=8),
    "Granite": tiny("granite", **LLAMA, logits_scaling=4.0),
    "Helium": tiny("helium", **GEMMA),
    "Jamba": tiny("jamba", **MIXTURE, attn_layer_period=2, attn_layer_offset=1, mamba_d_state=8),
    "JetMoE": tiny("jetmoe", **MIXTURE, kv_channels=8),
    "Llama": tiny("llama", **LLAMA),
    "Llama, tied": tiny("llama", **LLAMA, tie_word_embeddings=True),
    "Llama 4": tiny("llama4_text", **MIXTURE, intermediate_size_mlp=48, head_dim=8),
    "LLaVA": partial(
        build,
        "llava",
        AutoModelForImageTextToText,
        text_config=TINY | LLAMA | {"model_type": "llama"},
        vision_config=VISION | {"model_type": "clip_vision_model"},
        image_token_index=5,
    ),
    "Mamba": tiny("mamba", state_size=8),
    "Mamba 2": tiny("mamba2", state_size=8, num_heads=8, head_dim=8, n_groups=1, chunk_size=8),
    "Mistral": tiny("mistral", **LLAMA),
    "Mixtral": tiny("mixtral", **MIXTURE),
    "MPT": tiny("mpt", max_seq_len=64, logit_scale=0.3),  # the model ignores the scale that it declares
    "NanoChat": tiny("nanochat", **LLAMA, **STRONG),
    "Nemotron": tiny("nemotron", **GEMMA),
    "OLMo": tiny("olmo", **LLAMA),
    "OLMo 2": tiny("olmo2", **LLAMA),
    "OLMoE": tiny("olmoe", **MIXTURE),
    "OPT": tiny("opt", ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=64),
    "OPT, narrower embeddings": tiny("opt", ffn_dim=48, word_embed_proj_dim=16, max_position_embeddings=64),
    "PaliGemma": partial(
        build,
        "paligemma",
        AutoModelForImageTextToText,
        text_config=TINY | GEMMA | {"model_type": "gemma"},
        vision_config=VISION | {"model_type": "siglip_vision_model"},
        projection_dim=32,
        vocab_size=VOCAB_SIZE,
        image_token_index=5,
    ),
    "Persimmon": tiny("persimmon", intermediate_size=48, max_position_embeddings=64),
    "Phi": tiny("phi", **LLAMA),
    "Phi-3": tiny("phi3", **LLAMA),
    "Qwen2": tiny("qwen2", **LLAMA),
    "Qwen2-VL": partial(
        build,
        "qwen2_vl",
        AutoModelForImageTextToText,
        **QWEN_VL,
        vision_config=QWEN_VISION | {"embed_dim": 16, "hidden_size": 32},
    ),
    "Qwen2.5-VL": partial(
        build,
        "qwen2_5_vl",
        AutoModelForImageTextToText,
        **QWEN_VL,
        vision_config=QWEN_VISION
        | {"hidden_size": 16, "intermediate_size": 16, "out_hidden_size": 32, "window_size": 16}
        | {"fullatt_block_indexes": [1]},
    ),
    "Qwen3": tiny("qwen3", **GEMMA),
    "Qwen3 MoE": tiny("qwen3_moe", **MIXTURE, head_dim=8),
    "Qwen3-Next": tiny(
        "qwen3_next",
        **MIXTURE,
        head_dim=8,
        layer_types=["linear_attention", "full_attention"],
        linear_num_key_heads=2,
        linear_num_value_heads=4,
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        shared_expert_intermediate_size=16,
    ),
    "Recurrent Gemma": tiny(
        "recurrent_gemma",
        **(GEMMA | STRONG | {"num_hidden_layers": 3}),  # its third layer is the first with attention
        lru_width=32,
        attention_window_size=8,
    ),
    "RWKV": tiny("rwkv", context_length=64),
    "SmolLM3": tiny("smollm3", **LLAMA),
    "StableLM": tiny("stablelm", **LLAMA),
    "StarCoder2": tiny("starcoder2", **LLAMA),
    "XGLM": tiny("xglm", ffn_dim=48, max_position_embeddings=64),
    "XLNet": tiny("xlnet", d_inner=48, d_head=8),
    "Zamba 2": tiny(
        "zamba2",
        **(LLAMA | {"num_key_value_heads": 4}),
        layers_block_type=["linear_attention", "hybrid"],
        n_mamba_heads=8,
        mamba_d_state=8,
        chunk_size=8,
        adapter_rank=4,
    ),
}

# Their features have seen the token after them: of PaliGemma where no token_type_ids tell what is text.
READS_AHEAD = ("PaliGemma", "XLNet")

# A dense layer, a norm or both sit between the decoder's output and the classifier: no linear head on the features.
TRANSFORM_IN_HEAD: dict[str, Callable[[], PreTrainedModel]] = {
    "BERT": tiny("bert", intermediate_size=48, is_decoder=True),
    "ModernBERT decoder": tiny("modernbert-decoder", intermediate_size=48, max_position_embeddings=64),
    "RoBERTa": tiny("roberta", intermediate_size=48, is_decoder=True),
}
