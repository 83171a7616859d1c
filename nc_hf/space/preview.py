"""What a visitor is told of a model before it is measured: its size, who may read it, how long it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from huggingface_hub import HfApi, constants

from nc_hf.hub import resolve
from nc_hf.hub.faults import hub_faults

if TYPE_CHECKING:
    from nc_hf.space.request import Request
    from nc_hf.space.service import Service


@dataclass(frozen=True)
class Preview:
    """Known before the weights are fetched.

    Attributes:
        name: of the model, with its revision.
        parameters: number of weights.
        size_bytes: of the weights; None for a model that need not be fetched.
        closed: "gated" or "private" where not everybody may read it; else empty.
        kept: whether this very request was measured before, so that it is answered at once.
        seconds: that it may take, by the analyses before it; None where none was like it.
    """

    name: str
    parameters: int
    size_bytes: int | None = None
    closed: str = ""
    kept: bool = False
    seconds: float | None = None


def preview(service: Service, request: Request, token: str | bool) -> Preview:
    """Look a model up, with all the checks that do not need its weights.

    Raises:
        NCError: it cannot be measured, and why.
    """
    if (kept := service.find(request, token)) is not None:
        return Preview(request.name, kept.report.model.parameters, kept=True)
    source = resolve(request.model, request.revision, max_bytes=service.settings.max_bytes, token=token)
    with hub_faults(request.model, request.revision, token):
        about = HfApi(token=token).model_info(request.model, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    return Preview(
        name=request.name,
        parameters=source.parameters,
        size_bytes=source.size_bytes,
        closed="gated" if about.gated else "private" if about.private else "",
        seconds=service.pace.estimate(source.parameters, request.max_tokens, request.layers),
    )
