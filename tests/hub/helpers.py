"""What tests of the Hub share: folders of files, features of a model, messages, processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from tests.hub.repository import as_bytes
from tests.paths import ROOT


def is_one_sentence_with_advice(message: str) -> bool:
    """Whether a message is one sentence of which the part after the last colon tells what to do."""
    return message.endswith(".") and "\n" not in message and ": " in message and len(message) < 400


def write(folder: Path, files: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(as_bytes(content))
    return folder


def features(model: Any, tokenizer: Any) -> torch.Tensor:
    inputs = tokenizer("Once upon a time there was a small dog.", return_tensors="pt")
    with torch.no_grad():
        states: torch.Tensor = model.get_decoder()(inputs["input_ids"]).last_hidden_state
    return states


def in_a_process_of_its_own(code: str, **environment: str) -> str:
    """Run code with other settings of the client, which reads them when imported."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SAY = """
from nc_hf.errors import HubError
from nc_hf.hub import load_model, resolve
try:
    print(load_model(resolve("someone/tiny")).config.vocab_size)
except HubError as fault:
    print(fault)
"""
