"""Models beside the plain one. Heads and decoders of all architectures are held by tests/integration/test_callback.py
and tests/integration/test_architectures.py; here is what a Trainer adds: mixtures, hybrids, new vocabulary, copies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from nc_hf import NeuralCollapseCallback
from tests.architectures import ARCHITECTURES, READS_AHEAD
from tests.situations.evaluating import BY_STEP, logged, train, watched
from tests.situations.registry import situation
from tests.situations.watching import Compared, of_rows
from tests.training import VOCAB_SIZE, OfTwoGpus, examples, make_trainer, tiny_model, token_blocks

MIXTURES = ("Mixtral", "Qwen3 MoE", "GPT-OSS", "Llama 4", "DeepSeek-V3")
HYBRIDS = ("Mamba 2", "Falcon-H1", "Recurrent Gemma", "Jamba", "Bamba", "Zamba 2", "Qwen3-Next")
SCALED = ("Gemma 2", "Granite", "Cohere 2", "Gemma 3n")


def _trained(name: str) -> Any:
    rows = examples(24, seed=4, classes=20)
    rows = [{key: row + 20 for key, row in each.items()} for each in rows]  # beyond the special ids
    return lambda folder: train(folder, model=ARCHITECTURES[name](), train=rows, evaluation=rows)


def _logged(name: str) -> Any:
    def run(folder: Path) -> Any:
        rows = examples(11, seed=2)
        trainer = make_trainer(
            folder, NeuralCollapseCallback(), model=ARCHITECTURES[name](), evaluation=rows, **BY_STEP
        )
        trainer.train()
        return logged(trainer)

    return run


def _beside_a_corpus(name: str) -> Any:
    def run(folder: Path) -> Any:
        train(folder, NeuralCollapseCallback(token_blocks(24, 4)), model=ARCHITECTURES[name]())

    return run


for _name in (*MIXTURES, *HYBRIDS, *SCALED):
    situation("models", _name)(_trained(_name))


@situation("models", "a vocabulary that was resized and padded")
def _resized(folder: Path) -> Any:
    model = tiny_model()
    model.resize_token_embeddings(VOCAB_SIZE + 3, pad_to_multiple_of=32)
    return train(folder, model=model)


@situation("models", "a vocabulary that is resized after the Trainer was made")
def _resized_later(folder: Path) -> Any:
    trainer, watch = watched(folder)
    trainer.evaluate()
    trainer.model.resize_token_embeddings(VOCAB_SIZE + 6)
    trainer.evaluate()
    return watch


@situation("models", "tied embeddings")
def _tied(folder: Path) -> Any:
    return train(folder, model=tiny_model(tie_word_embeddings=True))


@situation("models", "GPT-Neo with return_dict=False")
def _tuples(folder: Path) -> Any:
    return train(folder, model=tiny_model(return_dict=False))


@situation("models", "a module of one's own", "refused before training")
def _own(folder: Path) -> Any:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(VOCAB_SIZE, 8)
            self.head = nn.Linear(8, VOCAB_SIZE)

        def forward(self, input_ids: Any, labels: Any = None) -> Any:
            logits = self.head(self.embed(input_ids))
            return {"loss": logits.mean(), "logits": logits}

    make_trainer(folder, NeuralCollapseCallback(), model=Own()).train()


@situation("models", "nn.DataParallel, which a Trainer puts around a model by itself", "refused before training")
def _replicated(folder: Path) -> Any:
    train(folder, trainer=OfTwoGpus)


@situation("models", "nn.DataParallel, a corpus of the callback's own")
def _replicated_beside_a_corpus(folder: Path) -> Any:
    trainer = make_trainer(folder, NeuralCollapseCallback(token_blocks(24, 4)), trainer=OfTwoGpus, **BY_STEP)
    trainer.train()
    assert isinstance(trainer.model_wrapped, nn.DataParallel)
    found = trainer.evaluate()
    expected = of_rows(trainer.model, examples(24, seed=4))
    return Compared({name: found.get(f"eval_{name}") for name in expected}, expected)


for _name in READS_AHEAD:
    _text = f"{_name}, which reads in both directions" + (" without token_type_ids" if _name == "PaliGemma" else "")
    situation("models", _text, "warned", said="reads ahead")(_logged(_name))
    situation("models", f"{_text}, a corpus of the callback's own", "refused before training")(_beside_a_corpus(_name))


@situation("models", "an encoder-decoder", "refused before training")
def _encoder_decoder(folder: Path) -> Any:
    from transformers import T5Config, T5ForConditionalGeneration

    model = T5ForConditionalGeneration(
        T5Config(vocab_size=VOCAB_SIZE, d_model=16, d_ff=16, num_layers=1, num_heads=2, d_kv=8)
    )
    make_trainer(folder, NeuralCollapseCallback(), model=model).train()


@situation("models", "a head that is more than linear", "warned", said="does not reproduce")
def _transformed(folder: Path) -> Any:
    from tests.architectures import TRANSFORM_IN_HEAD

    rows = examples(11, seed=2)
    model = TRANSFORM_IN_HEAD["ModernBERT decoder"]()
    trainer = make_trainer(folder, NeuralCollapseCallback(), model=model, train=rows, evaluation=rows, **BY_STEP)
    trainer.train()
    return logged(trainer)
