"""Tokenizers: from the model's repository or another one, without code, and without reading any other file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import AutoTokenizer

from nc_hf.errors import NoTokenizerError, TokenizerError
from nc_hf.errors.remedies import Remedy
from nc_hf.hub.adapter import ADAPTER_CONFIG
from nc_hf.hub.configuration import MALFORMED, first_line
from nc_hf.hub.encoding import mark_foreign
from nc_hf.hub.listing import is_of_tokenizer, look_up
from nc_hf.hub.loading import download
from nc_hf.hub.reference import parse_reference
from nc_hf.hub.source import ModelSource
from nc_hf.runtime.cage import CageError, run
from nc_hf.runtime.cage.frames import Answer

# Settings are handed to the tokenizer's class as they stand, and some of its arguments are paths that it opens: a
# repository could name any file of this machine. So only what cannot be a path is left in.
_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json")
_DECLARED = ("add_bos_token",)
_ORIGIN = "nc_hf_origin"
_NEEDS = ("transformers.convert_slow_tokenizer", "transformers.models.gpt2.tokenization_gpt2")  # of most tokenizers
_NAMED = {
    "added_tokens_decoder",
    "additional_special_tokens",
    "errors",
    "extra_special_tokens",
    "padding_side",
    "tokenizer_class",
    "truncation_side",
}


def load_tokenizer(source: ModelSource, *, token: str | bool | None = None) -> Any:
    """Build the tokenizer that came with the model; its few files are fetched if they are not there.

    An adapter that came without one has that of its base, and a revision that of the repository's default branch.

    Args:
        source: as :func:`~nc_hf.hub.source.resolve` gave it.
        token: the reader's own token; default: the one the client finds; False for none.

    Raises:
        HubError: if the files do not come.
        TokenizerError: if there is none or it needs code of the repository.
    """
    if source.base and not has_tokenizer(source.files):
        return load_tokenizer(source.base, token=token)
    if source.revision and source.path is None and not has_tokenizer(source.files):
        return open_tokenizer(source.id, token=token)
    folder = download(source, weights=False, token=token)
    files = [folder / file for file in source.files if not file.endswith(".safetensors") and file != ADAPTER_CONFIG]
    if source.base:  # where the settings do not say of which kind the tokenizer is, the model's configuration does
        files.append(download(source.base, weights=False, token=token) / "config.json")
    return _build(source.id, files)


def open_tokenizer(
    reference: str, revision: str | None = None, *, allow_local: bool = False, token: str | bool | None = None
) -> Any:
    """Build a tokenizer by itself: from any repository or folder that has one, with or without a model.

    Args:
        reference: ``ID[@REVISION]``, a page's address, or a folder (see :func:`~nc_hf.hub.reference.parse_reference`).
        revision: branch, tag or commit, if not part of ``reference``.
        allow_local: whether ``reference`` may be a folder; False for whatever came over a network.
        token: the reader's own token; default: the one the client finds; False for none.

    Raises:
        InputError: if the reference is not one.
        HubError: if the Hub does not give the files out.
        TokenizerError: if there is none or it needs code of the repository.
    """
    listing = look_up(parse_reference(reference, revision, allow_local=allow_local), token)
    files = listing.tokenizer_files() + ["config.json"] * ("config.json" in listing.sizes)
    tokenizer = _build(listing.name, [listing.fetch_small(file, token) for file in files])
    tokenizer.init_kwargs[_ORIGIN] = f"{listing.name}@{listing.commit}" if listing.commit else listing.name
    return tokenizer


def origin_of(tokenizer: Any) -> str | None:
    """Return where a tokenizer is from that came by itself (`open_tokenizer`); None for one that came with its model.

    Returns:
        ``ID@COMMIT``, or the folder as it was written.
    """
    origin: str | None = getattr(tokenizer, "init_kwargs", {}).get(_ORIGIN)
    return origin


def has_tokenizer(files: Iterable[str]) -> bool:
    """Whether there is a tokenizer among these files, and not its settings alone.

    >>> has_tokenizer(["config.json", "tokenizer_config.json"]), has_tokenizer(["tokenizer.json"])
    (False, True)
    """
    return any(is_of_tokenizer(file) and file not in _SETTINGS for file in files)


def check_tokenizer(tokenizer: Any, model_config: Any) -> None:
    """Refuse a tokenizer that does not belong to the model.

    Its ids must lie within the model's vocabulary; special tokens that were added later and that text never produces
    are excepted, those that begin and end a text are not. And it must fill at least half of the vocabulary: models
    round theirs up, but none known by as much.

    Args:
        tokenizer: of transformers.
        model_config: the model's ``PreTrainedConfig``.

    Raises:
        TokenizerError: if it does not belong.
    """
    size = model_config.get_text_config().vocab_size
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    unused = set(tokenizer.get_added_vocab()) - {tokenizer.eos_token, tokenizer.bos_token}
    highest = max((number for token, number in vocabulary.items() if token not in unused), default=-1)
    if highest >= size:
        raise TokenizerError(
            f"The tokenizer has a token {highest} and the model a vocabulary of {size}", Remedy.TOKENIZER
        )
    if 2 * len(vocabulary) < size:
        raise TokenizerError(
            f"The tokenizer has {len(vocabulary)} tokens and the model a vocabulary of {size}", Remedy.TOKENIZER
        )


def _build(name: str, files: Iterable[Path]) -> Any:
    """Build a tokenizer from copies of its files, with their settings cleaned: in the cage first, and then here."""
    paths = {path.name: path for path in files}
    if not paths.keys() - {"config.json", *_SETTINGS}:
        raise NoTokenizerError(f"{name} has no tokenizer", Remedy.TOKENIZER)
    with TemporaryDirectory(prefix="nc_hf_tokenizer_") as place:
        try:
            found = run(built_there, name, list(paths.values()), Path(place), needs=_NEEDS).value
        except CageError as error:
            raise TokenizerError(f"The tokenizer of {name} {error.happened}", Remedy.FOREIGN) from error
        tokenizer = _load(name, Path(place))
    declared = found if isinstance(found, dict) else {}
    tokenizer.name_or_path = name
    # transformers forgets it beside a tokenizer.json, whether that acts on it or not.
    tokenizer.init_kwargs |= {key: declared[key] for key in _DECLARED if key in declared}
    mark_foreign(tokenizer)
    return tokenizer


def built_there(name: str, files: Iterable[Path], place: Path) -> Answer:
    """Copy a tokenizer's files, build it, and do all that is done with it but for text; for the cage.

    Args:
        name: where it is from, for the message.
        files: of which it is made.
        place: an empty folder for the copies.

    Returns:
        What its settings declare.

    Raises:
        TokenizerError: it cannot be read.
    """
    declared: dict[str, Any] = {}
    try:
        for path in files:
            if path.name in _SETTINGS:
                settings = _clean(json.loads(path.read_text(encoding="utf-8")))
                (place / path.name).write_text(json.dumps(settings))
                declared |= {key: settings[key] for key in _DECLARED if key in settings}
            else:
                shutil.copyfile(path, place / path.name)
    except (OSError, *MALFORMED) as fault:
        raise _unreadable(name, fault) from fault
    tokenizer = _load(name, place)
    _use(tokenizer)
    return Answer(declared)


def _load(name: str, place: Path) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False, local_files_only=True)
    except MemoryError:
        raise
    except Exception as fault:  # tokenizer classes raise whatever their parsers raise
        raise _unreadable(name, fault) from fault
    if not len(tokenizer):
        raise TokenizerError(f"The tokenizer of {name} has no tokens", Remedy.TOKENIZER)
    return tokenizer


def _use(tokenizer: Any) -> None:
    """Ask all that is asked of a tokenizer where it is, so that nothing of it is first tried there."""
    tokenizer.get_vocab()
    tokenizer.get_added_vocab()
    tokenizer.num_special_tokens_to_add()
    if tokenizer.is_fast:
        tokenizer.backend_tokenizer.to_str()


def _unreadable(name: str, fault: BaseException) -> TokenizerError:
    return TokenizerError(f"The tokenizer of {name} cannot be read ({first_line(fault)})", Remedy.TOKENIZER)


def _clean(settings: dict[str, Any]) -> dict[str, Any]:
    """Keep numbers, switches, tokens, and what is named above."""
    return {
        key: value
        for key, value in settings.items()
        if value is None or isinstance(value, int | float) or key.endswith("_token") or key in _NAMED
    }
