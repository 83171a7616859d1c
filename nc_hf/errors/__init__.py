"""What can go wrong, by kind. Every message is one sentence that ends with what to do.

The command line prints the message alone and leaves with the kind's ``exit_code``; from Python each kind can be caught
by itself or all of them as ``NCError``.
"""

from __future__ import annotations

from nc_hf.errors.remedies import FrontEnd, Remedy, words


class NCError(Exception):
    """Anything that nc_hf refuses to do, with the way out in the message.

    Args:
        fault: what is wrong. A whole sentence with its advice, where that is the same for everybody; with a ``remedy``
            without its full stop.
        remedy: what to do, where each front end has its own way.
        **named: what the words of the remedy take up.
    """

    exit_code = 1

    def __init__(self, fault: str, remedy: Remedy | None = None, **named: object) -> None:
        """Keep fault and remedy apart."""
        super().__init__(fault)
        self.fault, self.remedy, self.named = fault, remedy, named

    def __str__(self) -> str:
        """Return the sentence as it is said in Python."""
        return self.told(FrontEnd.PYTHON)

    def told(self, front_end: FrontEnd | None = None) -> str:
        """Return the sentence with the advice that this front end has; without one, with what everybody can do."""
        if self.remedy is None:
            return self.fault
        if front_end is None:
            return f"{self.fault}."
        return f"{self.fault}: {words(self.remedy, front_end, **self.named)}."


class InputError(NCError):
    """An argument that cannot be meant."""

    exit_code = 2


class CorpusError(NCError):
    """A corpus that is missing, empty, too short, or without text."""

    exit_code = 3


class ModelError(NCError):
    """A model that cannot be read or measured."""

    exit_code = 4


class HeadError(ModelError):
    """A model without a linear classifier head, or a head that does not reproduce the model's logits."""


class TapError(ModelError):
    """A forward pass whose features or labels cannot be observed."""


class TokenizerError(ModelError):
    """A tokenizer that is missing or does not belong to the model."""


class NoTokenizerError(TokenizerError):
    """A repository or folder without a tokenizer."""


class FeatureError(NCError):
    """Features with NaN or Inf."""

    exit_code = 5


class LabelError(NCError):
    """Labels that do not fit the features or the head."""

    exit_code = 5


class StatisticsError(NCError):
    """Statistics that do not suffice for what is asked of them."""

    exit_code = 6


class FileError(NCError):
    """A file that is truncated, or was written by something else."""

    exit_code = 6


class MergeError(NCError):
    """Statistics that do not belong together."""

    exit_code = 6


class HubError(NCError):
    """Something on the Hub that is missing, closed to the reader, or out of reach."""

    exit_code = 7


class StudyError(NCError):
    """A grid, ledger or results table that cannot be used."""

    exit_code = 8


class ProcessError(NCError):
    """One of the processes that work together is lost."""

    exit_code = 9


class CancelledError(NCError):
    """Work that its caller called off."""

    exit_code = 130
