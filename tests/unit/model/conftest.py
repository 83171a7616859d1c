"""The model that tests of the tap and its parts look into."""

from __future__ import annotations

import pytest
from transformers import PreTrainedModel

from tests.architectures import ARCHITECTURES


@pytest.fixture
def model() -> PreTrainedModel:
    return ARCHITECTURES["Llama"]()
