"""Fetches the real texts, tokenizer, checkpoint and figures that tests read where they lie beside the checkout.

    python -m tests.real_data [FOLDER]

What is there already stays as it is. Nothing of it is part of the project; licences are those of its sources, which
stand below.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.llama2c import convert
from tests.paths import SHARED_DATA

MARK = "<|endoftext|>"
STORIES = 13_291
SPEECHES = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SPEECHES_HASH = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


def fetched(repository: str, file: str, kind: str = "dataset") -> Path:
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(repository, file, repo_type=kind))


def write(folder: Path, train: Iterable[str], validation: Iterable[str]) -> None:
    """Two files of one ``{"text": ...}`` a line."""
    for name, texts in (("train", train), ("validation", validation)):
        lines = [json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def tinystories(folder: Path) -> None:
    """Stories of TinyStories (CDLA-Sharing-1.0), each once; the hash of a text says whether it is held out."""
    text = fetched("roneneldan/TinyStories", "TinyStories-valid.txt").read_text(encoding="utf-8")
    stories = list(dict.fromkeys(story for part in text.split(MARK) if (story := part.strip())))[:STORIES]
    held_out = [int(hashlib.sha256(story.encode()).hexdigest(), 16) % 10 == 0 for story in stories]
    parts = [[story for story, held in zip(stories, held_out, strict=True) if held == part] for part in (False, True)]
    write(folder, *parts)


def wikitext2(folder: Path) -> None:
    """The articles of WikiText-2's validation file (CC BY-SA), every fifth held out."""
    import pandas as pd

    file = fetched("Salesforce/wikitext", "wikitext-2-v1/validation-00000-of-00001.parquet")
    articles: list[str] = []
    for line in pd.read_parquet(file)["text"]:
        heads = line.startswith(" = ") and not line.startswith(" = = ")
        if heads or not articles:
            articles.append("")
        articles[-1] += line
    articles = [article.strip() for article in articles if article.strip()]
    write(folder, [text for at, text in enumerate(articles) if at % 5], articles[::5])


def shakespeare(folder: Path) -> None:
    """Tiny Shakespeare (public domain) in pieces of twenty speeches, the last tenth held out."""
    import pooch

    speeches = Path(pooch.retrieve(SPEECHES, f"sha256:{SPEECHES_HASH}")).read_text(encoding="utf-8").split("\n\n")
    pieces = ["\n\n".join(speeches[at : at + 20]) for at in range(0, len(speeches), 20)]
    last = len(pieces) * 9 // 10
    write(folder, pieces[:last], pieces[last:])


def gpt2(folder: Path) -> None:
    """The tokenizer of GPT-2 (MIT), which is GPT-Neo's too."""
    from transformers import AutoTokenizer

    place = fetched("openai-community/gpt2", "tokenizer.json", "model").parent
    for file in ("tokenizer_config.json", "vocab.json", "merges.txt"):
        fetched("openai-community/gpt2", file, "model")
    AutoTokenizer.from_pretrained(place, model_max_length=2048).save_pretrained(folder)


def stories260k(folder: Path) -> None:
    """The Llama of 260,032 parameters of karpathy/tinyllamas (MIT), as transformers reads one."""
    names = ("stories260K/stories260K.bin", "stories260K/tok512.bin")
    weights, pieces = (fetched("karpathy/tinyllamas", name, "model").read_bytes() for name in names)
    convert(weights, pieces, folder)


def published(folder: Path) -> None:
    """The measurements beside arXiv 2405.17767, at the commit that nc_hf names; no licence is stated."""
    from nc_hf.study.analysis.published import BASE_URL, SHA256, download

    for name, expected in SHA256.items():
        download(f"{BASE_URL}/{name}", expected, folder / name)


PARTS: dict[str, Callable[[Path], None]] = {
    "tinystories": tinystories,
    "wikitext2": wikitext2,
    "shakespeare": shakespeare,
    "tokenizers/gpt2": gpt2,
    "models/stories260K": stories260k,
    "published": published,
}


def main(words: Sequence[str]) -> None:
    target = Path(words[0]) if words else SHARED_DATA
    for name, part in PARTS.items():
        if (target / name).exists():
            print(f"{target / name} is there")
            continue
        scratch = target / f"{name}.part"  # what is broken off is not taken for whole
        scratch.mkdir(parents=True, exist_ok=True)
        part(scratch)
        scratch.rename(target / name)
        print(f"{target / name} fetched")


if __name__ == "__main__":
    main(sys.argv[1:])
