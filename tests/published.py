"""A model with a README, what a pull request changes, and the results of a report as they are published."""

from __future__ import annotations

from nc_hf import Report, measure
from nc_hf.corpus.corpus import Corpus
from tests.hub.models import gpt2_files
from tests.hub.repository import Repository, as_bytes
from tests.hub.server import StandIn
from tests.paths import REFERENCES

NAME = "someone/tiny"
STORIES = Corpus("tinystories", "validation", ["One day a cat sat by the sea and saw a fish. " * 4] * 40)
REFERENCE = Report.load(REFERENCES / "report_2.json")
README = """---
# kept by hand
license: apache-2.0   # of the weights
tags: [text-generation, "été"]
model-index:
- name: tiny
  results:
  - task:
      type: text-generation
    dataset:
      type: wikitext
      name: WikiText   # the small one
    metrics:
    - type: perplexity
      value: 21.50
      oddity: kept

# what follows is of the owner
datasets:
  - roneneldan/TinyStories
---

# Tiny

Text with --- and *markup*.
"""


def readable_model(hub: StandIn) -> Repository:
    """A model with a README of its own."""
    return hub.add(NAME, {**gpt2_files(), "README.md": README})


def measured_report() -> Report:
    """A report of this model."""
    return measure(NAME, STORIES, max_tokens=4_000, block_size=32, progress=False)


def files_of_pull(repository: Repository, number: int = 1) -> dict[str, str]:
    """What a pull request changes."""
    main, pull = repository.at("main").files, repository.at(f"refs/pr/{number}").files
    return {name: as_bytes(content).decode() for name, content in pull.items() if main.get(name) != content}


def writes(hub: StandIn) -> list[str]:
    return hub.asked("POST .*/(commit|preupload)/")
