"""Making a Space of a folder and of this very nc_hf, so that the Space measures as the command line does."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from huggingface_hub import HfApi, constants, get_token

from nc_hf.errors import HubError
from nc_hf.hub.faults import hub_faults
from nc_hf.hub.reference import parse_reference

_PACKAGE = Path(__file__).parents[1]
_CACHES = (".*", "__pycache__", "*.pyc")


def deploy_space(name: str, folder: Path, *, private: bool = False) -> str:
    """Create a Gradio Space on the Hub, or update it, in one commit.

    Args:
        name: ``OWNER/NAME`` of the Space.
        folder: with ``app.py``, ``README.md`` and ``requirements.txt``; caches and hidden entries stay behind.
        private: whether only the owner may see it; an existing Space stays as it is.

    Returns:
        The address of the Space.

    Raises:
        InputError: the name is none.
        HubError: without a token, or where the Hub refuses.
    """
    name = parse_reference(name).id
    if get_token() is None:
        raise HubError(
            "A Space is created in your name: set HF_TOKEN to a token that may write, or run `hf auth login`."
        )
    api = HfApi()
    with tempfile.TemporaryDirectory(prefix="nc_hf_space_") as staging, hub_faults(name):
        shutil.copytree(folder, staging, ignore=shutil.ignore_patterns(*_CACHES), dirs_exist_ok=True)
        shutil.copytree(_PACKAGE, Path(staging) / "nc_hf", ignore=shutil.ignore_patterns(*_CACHES, "spaces"))
        api.create_repo(name, repo_type="space", space_sdk="gradio", private=private or None, exist_ok=True)
        api.upload_folder(
            repo_id=name,
            repo_type="space",
            folder_path=staging,
            commit_message=f"{folder.name} of nc_hf",
            delete_patterns=["nc_hf/**", "meter/**"],  # meter: where the page lay before it was a package of nc_hf,
        )
    return f"{constants.ENDPOINT}/spaces/{name}"
