"""A model that was trained with a mark before each story: packed, it reads them as it does one by one."""

from __future__ import annotations

import json
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
import torch
from tokenizers import processors
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from nc_hf import ClassifierHead, ClassStatistics, compute_metrics, measure
from nc_hf.corpus.corpus import Corpus
from nc_hf.corpus.stories import stories, train_tokenizer
from nc_hf.metrics import count_agreement
from nc_hf.model.tap import FeatureTap

STEPS, BATCH, BEGIN = 250, 16, "<s>"
BLOCK = 256


@cache
def short_stories() -> list[str]:
    """The first sentences of stories, short enough that several fit into a block."""
    return [" ".join(text.split()[:30]) for text in islice(stories(5), 2400)]


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE that puts ``<s>`` in front of a text."""
    made = train_tokenizer(short_stories()[:800], 400)
    made.add_special_tokens({"bos_token": BEGIN})
    made.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, made.bos_token_id)]
    )
    return made


@cache
def trained() -> LlamaForCausalLM:
    """A Llama trained on one story a row, each from its ``<s>`` on."""
    ids = tokenizer()(short_stories()[400:])["input_ids"]
    width = max(map(len, ids))
    rows = torch.tensor([row + [0] * (width - len(row)) for row in ids])
    labels = torch.tensor([row + [-100] * (width - len(row)) for row in ids])
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer()),
        hidden_size=48,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=BLOCK,
    )
    model = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=STEPS)
    for _ in range(STEPS):
        picked = torch.randint(len(rows), (BATCH,))
        model(input_ids=rows[picked], labels=labels[picked], use_cache=False).loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    return model.eval()


@torch.no_grad()
def one_by_one(model: torch.nn.Module, rows: list[list[int]], begin: int, most: int) -> tuple[float, float]:
    """Loss and NC4 of the first ``most`` tokens, each row read by itself and its mark never a label."""
    features, labels, decided, nll = [], [], [], []
    with FeatureTap(model) as tap:
        for row in rows:
            ids = torch.tensor([row])
            logits = model(input_ids=ids, labels=ids.masked_fill(ids == begin, -100), use_cache=False).logits[0]
            batch = tap.take()
            assert batch is not None
            features.append(batch.features["final"])
            labels.append(batch.labels)
            decided.append(batch.predictions)
            nll.append(cross_entropy(logits[batch.index], batch.labels, reduction="none"))
    kept = [torch.cat(parts)[:most] for parts in (features, labels, decided, nll)]
    stats = ClassStatistics(kept[0].shape[1])
    stats.update(kept[0], kept[1])
    counts = count_agreement(stats, kept[0], kept[1], kept[2], leave_one_out=True)
    values = compute_metrics(stats, ClassifierHead.from_model(model), ["nc4_agreement"], 1, counts)
    assert len(kept[3]) == most
    return float(kept[3].double().mean()), values["nc4_agreement"]


@pytest.mark.slow
def test_a_llama_that_was_trained_mark_first_reads_packed_stories_as_single_ones() -> None:
    held_out = short_stories()[:400]
    report = measure(
        trained(),
        Corpus("stories", "all", held_out),
        tokenizer=tokenizer(),
        block_size=BLOCK,
        max_tokens=None,
        agreement_tokens=10**6,
        progress=False,
        uncertainty=False,
    )
    rows = tokenizer()(held_out)["input_ids"]
    loss, agreement = one_by_one(trained(), rows, tokenizer().bos_token_id, report.tokens)
    assert report.loss == pytest.approx(loss, rel=0.02)
    assert report.metrics["nc4_agreement"].value == pytest.approx(agreement, abs=0.02)
    # Cut without regard to documents, as it was before, the same text is another one to this model.
    stream = [token for row in rows for token in row]
    cut = [stream[begin : begin + BLOCK] for begin in range(0, len(stream) - BLOCK, BLOCK)]
    worse, _ = one_by_one(trained(), cut, tokenizer().bos_token_id, report.tokens - 2 * BLOCK)
    assert worse > 1.1 * loss


@pytest.mark.slow
def test_a_real_llama_reads_packed_stories_as_single_ones(shared_data: Path) -> None:
    folder = shared_data / "models" / "stories260K"
    lines = (shared_data / "tinystories" / "validation.jsonl").read_text(encoding="utf-8").splitlines()[:120]
    words = AutoTokenizer.from_pretrained(folder)
    texts = [text for line in lines if len(words(text := json.loads(line)["text"])["input_ids"]) <= 256]
    report = measure(
        str(folder),
        Corpus("stories", "all", texts),
        block_size=512,
        agreement_tokens=10**6,
        progress=False,
        uncertainty=False,
    )
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    loss, agreement = one_by_one(model, words(texts)["input_ids"], words.bos_token_id, report.tokens)
    assert report.loss == pytest.approx(loss, rel=0.001)
    assert report.metrics["nc4_agreement"].value == pytest.approx(agreement, abs=0.01)
