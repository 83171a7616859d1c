"""What is said of models that read their text and of such that do not, in every front end."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from nc_hf import Report, measure
from nc_hf.hub import open_tokenizer
from nc_hf.report import compare
from nc_hf.report.html import html_comparison
from nc_hf.report.verdict import HEADLINES, verdict
from nc_hf.space.html import metric_table, verdict_card
from nc_hf.space.request import Request
from nc_hf.space.service import Result
from tests.reports import printed

OPTIONS: dict[str, Any] = {"progress": False, "device": "cpu"}
PRAISE = re.compile(
    "|".join([*(words for level, words in HEADLINES.items() if level not in ("none", "unknown")),
              r"Tightly\.", r"Loosely\.", r"Yes\.", r"Nearly(\.| always)", r"In part\.", "More often than not", "●",
              "[Mm]ore collapsed than"])
)  # fmt: skip

GERMAN = """Als der alte Müller am frühen Morgen die Läden öffnete, lag über den Wiesen noch ein dünner Nebel. Er hörte,
wie das Wasser gegen die Schaufeln schlug, und dachte an seinen Sohn, der vor zwei Jahren in die Stadt gezogen war. Die
Briefe, die anfangs jede Woche gekommen waren, blieben nun manchmal einen ganzen Monat aus. »Er hat gewiss viel zu tun«,
sagte die Frau, wenn sie abends zusammen am Tisch saßen, aber sie glaubte es selbst nicht recht. Im Dorf erzählte man
sich, dass in den Fabriken die Arbeit knapp geworden sei und dass mancher, der fortgegangen war, lieber hungerte, als
mit leeren Händen heimzukehren. Der Müller schüttelte darüber den Kopf. Hier gab es immer Brot, und ein zweites Bett
stand auch bereit. Gegen Mittag kam der Nachbar mit seinem Wagen, lud die Säcke ab und fragte, ob er am Sonntag zum
Kegeln mitkomme. Sie redeten über das Wetter, über die Ernte und über die neue Brücke, an der seit dem Frühling gebaut
wurde. Als die Sonne durch die Wolken brach, sah der Müller auf der Straße einen jungen Mann näher kommen, der einen
Koffer trug und müde ging. Er kannte diesen Gang. Ohne ein Wort zu sagen, ließ er den Sack fallen und lief hinaus."""


def front_ends(report: Report) -> dict[str, str]:
    """The report as every front end shows it."""
    result = Result("k", Request("a/b"), report, verdict(report), kept=False)
    return {
        "terminal": printed(report.to_table(), 300),
        "Markdown": report.to_markdown(),
        "JSON": report.to_json(),
        "page": verdict_card(result) + metric_table(result),
        "API": str(result.to_dict()),
    }


def random_models() -> dict[str, Callable[[], PreTrainedModel]]:
    def gpt2(**shape: Any) -> Callable[[], PreTrainedModel]:
        marks = {"vocab_size": 512, "n_positions": 128, "bos_token_id": 1, "eos_token_id": 2}
        return lambda: GPT2LMHeadModel(GPT2Config(**marks, n_head=2, **shape))

    def llama(**shape: Any) -> Callable[[], PreTrainedModel]:
        config = LlamaConfig(vocab_size=512, max_position_embeddings=128, num_attention_heads=2, **shape)
        return lambda: LlamaForCausalLM(config)

    return {
        "tiny GPT-2": gpt2(n_embd=8, n_layer=1),
        "wide GPT-2": gpt2(n_embd=512, n_layer=1),
        "untied GPT-2": gpt2(n_embd=64, n_layer=4, tie_word_embeddings=False),
        "GPT-2 of large weights": gpt2(n_embd=64, n_layer=2, initializer_range=0.2),
        "tiny Llama": llama(hidden_size=8, intermediate_size=16, num_hidden_layers=1),
        "wide Llama": llama(hidden_size=512, intermediate_size=512, num_hidden_layers=1),
        "tied Llama": llama(hidden_size=64, intermediate_size=128, num_hidden_layers=4, tie_word_embeddings=True),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", random_models())
def test_a_random_model_gets_no_word_of_praise(shared_data: Path, name: str) -> None:
    torch.manual_seed(0)
    tokenizer = open_tokenizer(str(shared_data / "models" / "stories260K"), allow_local=True)
    stories = str(shared_data / "tinystories" / "validation.jsonl")
    report = measure(random_models()[name]().eval(), stories, tokenizer=tokenizer, max_tokens=3_000, **OPTIONS)
    for front_end, shown in front_ends(report).items():
        assert "does not read this text" in shown, front_end
        assert not PRAISE.search(shown), (front_end, PRAISE.search(shown))
    comparison = compare([report, report])
    for shown in (comparison.to_markdown(), printed(comparison.to_table(), 200), html_comparison(comparison)):
        assert "has no verdict: the model does not read this text" in shown
        assert not PRAISE.search(shown)


class TestStories260K:
    """A real model of English stories, with 512 tokens."""

    @pytest.fixture
    def said_of(self, shared_data: Path, tmp_path: Path) -> Callable[[str], Report]:
        def measured(text: str) -> Report:
            (tmp_path / "text.txt").write_text(text, encoding="utf-8")
            return measure(str(shared_data / "models" / "stories260K"), str(tmp_path / "text.txt"), **OPTIONS)

        return measured

    @pytest.mark.slow
    def test_its_own_kind_of_text_gives_a_verdict_and_no_caution(self, shared_data: Path) -> None:
        stories = str(shared_data / "tinystories" / "validation.jsonl")
        report = measure(str(shared_data / "models" / "stories260K"), stories, max_tokens=200_000, **OPTIONS)
        said = verdict(report)
        assert said.cautions == ()
        # Its scatter is as large as the spread but for its error: one respect or two, and that it is close is said.
        assert abs(report.metrics["nc1_trace_ratio"].value - 1) < 0.05
        assert said.level == ("partial" if report.metrics["nc1_trace_ratio"].value < 1 else "slight")
        assert "so close to the limit of 1" in said.findings[0].reason
        assert all(HEADLINES[said.level] in shown for shown in front_ends(report).values())
        assert report.bits_per_byte == pytest.approx(0.92, abs=0.05)

    @pytest.mark.slow
    def test_another_language(self, said_of: Callable[[str], Report]) -> None:
        report = said_of(GERMAN)
        kinds = [caution.said.split(" (")[0].split(":")[0] for caution in verdict(report).cautions]
        assert kinds[:2] == [
            "The model does not read this text",
            "The tokenizer does not know the characters of this text",
        ]
        assert not any(PRAISE.search(shown) for shown in front_ends(report).values())

    @pytest.mark.slow
    def test_random_letters(self, said_of: Callable[[str], Report]) -> None:
        letters = random.Random(0).choices("abcdefghijklmnopqrstuvwxyz    ", k=20_000)
        report = said_of("".join(letters))
        assert [caution.voids for caution in verdict(report).cautions if caution.voids] == [
            "the model does not read this text"
        ]
        assert not any(PRAISE.search(shown) for shown in front_ends(report).values())

    @pytest.mark.slow
    @pytest.mark.parametrize("between", [" ", "\n<|endoftext|>\n"])
    def test_one_sentence_900_times(self, said_of: Callable[[str], Report], between: str) -> None:
        report = said_of(between.join(["Once upon a time there was a little dog who lived near the sea."] * 900))
        assert report.corpus.repeated_share == pytest.approx(1, abs=0.02)
        reasons = [caution.voids for caution in verdict(report).cautions if caution.voids]
        assert reasons == ["the text repeats itself"]
        for front_end, shown in front_ends(report).items():
            assert "The text repeats itself" in shown, front_end
            assert not PRAISE.search(shown), front_end
