"""What goes wrong in an analysis, as something that every handler catches and that another process can hand over."""

from __future__ import annotations

import logging

from nc_hf.errors import NCError

_LOG = logging.getLogger("nc_hf.space")


class UnforeseenError(Exception):
    """What no analysis should run into, by the name of its kind.

    It stands for errors that cannot be pickled, and for those that are no ``Exception``, such as the panic of a
    tokenizer written in Rust, which handlers let pass, so that the visitor would wait for ever.
    """


def told(fault: BaseException) -> NCError | UnforeseenError:
    """Return a fault as one that can be told; what was not foreseen goes to the log."""
    if isinstance(fault, NCError | UnforeseenError):
        return fault
    _LOG.error("An analysis failed", exc_info=fault)
    return UnforeseenError(type(fault).__name__)
