"""Each way in which the Hub can refuse or fail, in one sentence that ends with what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub import constants, get_token
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from nc_hf.errors import HubError, NCError
from nc_hf.errors.remedies import Remedy

# The client speaks HTTP through httpx2 or, before version 2, httpx: its own errors build on the root of either's.
_TransportError: type[BaseException] = HfHubHTTPError.__bases__[0]


@contextmanager
def hub_faults(name: str, revision: str | None = None, token: str | bool | None = None) -> Iterator[None]:
    """Turn what the Hub's client raises within the block into ``HubError``.

    Args:
        name: id of the repository, for the message.
        revision: the revision that was asked for, for the message.
        token: the token that was sent, None for the one of the environment, False for none; never part of the message.
    """
    try:
        yield
    except NCError:
        raise
    except (HfHubHTTPError, _TransportError, OSError, EntryNotFoundError) as fault:
        raise _told(fault, name, revision, is_sent(token)) from fault
    except (ValueError, TypeError, KeyError, AttributeError) as fault:  # an answer, but not of the form of the Hub's
        raise HubError(f"What {constants.ENDPOINT} answers about {name} cannot be read", Remedy.ENDPOINT) from fault


def is_sent(token: str | bool | None) -> bool:
    """Whether a token is shown to the Hub: one that is given, or the one of the environment unless it is False."""
    return bool(token or (token is None and get_token()))


def _told(fault: BaseException, name: str, revision: str | None, sent: bool) -> HubError:
    """Say what happened; the order goes from the special kinds of error to the general ones they derive from."""
    if isinstance(fault, LocalEntryNotFoundError):  # the cache had nothing to fall back on; the reason is beneath
        fault = fault.__cause__ or OfflineModeIsEnabled()
    page = f"{constants.ENDPOINT}/{name}"
    match fault:
        case GatedRepoError():
            return HubError(f"{name} is gated", Remedy.GATED, page=page, sent=sent)
        case RepositoryNotFoundError():
            return HubError(f"There is no {name} on {constants.ENDPOINT} that you may read", Remedy.PRIVATE, sent=sent)
        case RevisionNotFoundError():
            return HubError(
                f"{name} has no revision {revision!r}: choose one of its branches and tags on {page}/tree/main."
            )
        case DisabledRepoError():
            return HubError(f"{name} was disabled on the Hub: choose another model.")
        case OfflineModeIsEnabled():
            return HubError(f"{name} is not wholly in the cache, and the Hub is not asked", Remedy.OFFLINE)
        case HfHubHTTPError():
            return _of_answer(fault, name)
        case EntryNotFoundError():
            return HubError(f"{name} lacks a file that its own list names: try again later or another revision.")
    if isinstance(fault, _TransportError):
        return HubError(f"The connection to {constants.ENDPOINT} failed while reading {name}", Remedy.CONNECTION)
    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return HubError("The disk is full", Remedy.DISK)
    return HubError(f"{name} did not arrive whole: check the connection and try again.")


def _of_answer(fault: HfHubHTTPError, name: str) -> HubError:
    status = fault.response.status_code
    if status == 429:
        seconds = fault.response.headers.get("Retry-After", "")
        pause = f"{seconds} seconds" if seconds.isdigit() else "a few minutes"
        return HubError("The Hub limits the rate of requests", Remedy.RATE, pause=pause)
    if status in (401, 403):
        tokens = f"{constants.ENDPOINT}/settings/tokens"
        return HubError(f"The Hub refuses the token for {name}", Remedy.NEW_TOKEN, page=tokens)
    return HubError(f"{constants.ENDPOINT} answered {status} for {name}", Remedy.ENDPOINT)
