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
        raise HubError(_sentence(fault, name, revision, token)) from fault
    except (ValueError, TypeError, KeyError, AttributeError) as fault:  # an answer, but not of the form of the Hub's
        raise HubError(
            f"What {constants.ENDPOINT} answers about {name} cannot be read: check HF_ENDPOINT, then try again."
        ) from fault


def way_in(token: str | bool | None) -> str:
    """Say how to get access; who deliberately sends no token, such as a visitor of a page, can only log in."""
    if token is False:
        return "log in"
    return "use a token of an account with access" if token or get_token() else "set HF_TOKEN or run `hf auth login`"


def _sentence(fault: BaseException, name: str, revision: str | None, token: str | bool | None) -> str:
    """Say what happened; the order goes from the special kinds of error to the general ones they derive from."""
    if isinstance(fault, LocalEntryNotFoundError):  # the cache had nothing to fall back on; the reason is beneath
        fault = fault.__cause__ or OfflineModeIsEnabled()
    page = f"{constants.ENDPOINT}/{name}"
    match fault:
        case GatedRepoError():
            return f"{name} is gated: accept its conditions on {page}, then {way_in(token)}."
        case RepositoryNotFoundError():
            return (
                f"There is no {name} on {constants.ENDPOINT} that you may read: check the id or, if private, "
                f"{way_in(token)}."
            )
        case RevisionNotFoundError():
            return f"{name} has no revision {revision!r}: choose one of its branches and tags on {page}/tree/main."
        case DisabledRepoError():
            return f"{name} was disabled on the Hub: choose another model."
        case OfflineModeIsEnabled():
            return (
                f"The client is offline (HF_HUB_OFFLINE) and {name} is not wholly in the cache: unset it and try again."
            )
        case HfHubHTTPError():
            return _answer_sentence(fault, name)
        case EntryNotFoundError():
            return f"{name} lacks a file that its own list names: try again later or another revision."
    if isinstance(fault, _TransportError):
        return (
            f"The connection to {constants.ENDPOINT} failed while reading {name}: check the network and HF_ENDPOINT, "
            "then try again, or set HF_HUB_OFFLINE=1 to use what is in the cache."
        )
    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full: free space in {constants.HF_HUB_CACHE} or set HF_HOME to a larger disk."
    return f"{name} did not arrive whole: check the connection and try again."


def _answer_sentence(fault: HfHubHTTPError, name: str) -> str:
    status = fault.response.status_code
    if status == 429:
        seconds = fault.response.headers.get("Retry-After", "")
        pause = f"{seconds} seconds" if seconds.isdigit() else "a few minutes"
        return f"The Hub limits the rate of requests: wait {pause}, or log in for more, and try again."
    if status in (401, 403):
        return f"The Hub refuses the token for {name}: make a new one at {constants.ENDPOINT}/settings/tokens."
    return f"The Hub answered {status} for {name}: try again later, or check HF_ENDPOINT ({constants.ENDPOINT})."
