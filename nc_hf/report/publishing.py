"""A report published with its model: an entry of the model-index and the report itself, as one pull request."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from huggingface_hub import CommitOperationAdd, HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

from nc_hf.corpus.spec import CorpusSpec
from nc_hf.errors import FileError, HubError, InputError
from nc_hf.errors.remedies import Remedy
from nc_hf.hub.configuration import first_line
from nc_hf.hub.faults import hub_faults
from nc_hf.hub.listing import Listing, look_up
from nc_hf.hub.reference import parse_reference
from nc_hf.report.markdown import code, plain
from nc_hf.report.model_index import eval_results, with_results
from nc_hf.report.report import Report

_COMMIT = re.compile(r"[0-9a-f]{40}")

README, REPORT = "README.md", "nc_report.json"


@dataclass(frozen=True)
class FileChange:
    """A file as it is (None if there is none) and as it would be."""

    path: str
    before: str | None
    after: str

    def diff(self) -> str:
        """Return the change as a unified diff, three lines of context."""
        return "\n".join(
            difflib.unified_diff(
                (self.before or "").splitlines(),
                self.after.splitlines(),
                "/dev/null" if self.before is None else f"a/{self.path}",
                f"b/{self.path}",
                lineterm="",
            )
        )


@dataclass(frozen=True)
class Publication:
    """What would be proposed.

    Attributes:
        repository: id of the model's repository.
        base: the commit of its ``main`` that the changes were made for.
        title: of the pull request.
        description: of the pull request, in Markdown.
        changes: the files that would change.
    """

    repository: str
    base: str
    title: str
    description: str
    changes: tuple[FileChange, ...]


def prepare(report: Report, repository: str | None = None, *, token: str | bool | None = None) -> Publication:
    """Work out what publishing a report would change; nothing is written.

    Args:
        report: of a model on the Hub, on the whole of a corpus.
        repository: where to publish it; default: the repository of the model.
        token: the reader's own token; default: the one the client finds; False for none.

    Raises:
        InputError: the report is not of a model on the Hub, or of a shard, or is published already.
        HubError: the repository cannot be read, or does not have the commit that was measured.
        FileError: the head of its README cannot be read.
    """
    commit = check_report(report)
    asked = parse_reference(repository or report.model.id)
    if asked.revision:
        raise InputError(f"{asked} names a revision: give the id alone, since a pull request is made for main.")
    _check_commit(asked.id, commit, token)
    listing = look_up(asked, token)
    if listing.commit is None:
        raise HubError(f"{asked.id} was not looked up on the Hub: unset HF_HUB_OFFLINE and try again.")
    shown = _without_paths(report).without_contexts()  # whoever reads the card may not be let to read the text
    readme = _text_of(listing, README, token)
    results = eval_results(shown, f"{constants.ENDPOINT}/{asked.id}/blob/main/{REPORT}")
    files = (
        FileChange(README, readme, with_results(readme or "", asked.id.split("/")[-1], results)),
        FileChange(REPORT, _text_of(listing, REPORT, token), shown.to_json()),
    )
    changes = tuple(change for change in files if change.before != change.after)
    if not changes:
        raise InputError(f"{asked.id} has this report already: measure anew to publish another.")
    return Publication(
        repository=asked.id,
        base=listing.commit,
        title=f"Add neural collapse metrics on {shown.corpus.source}",
        description=_description(shown),
        changes=changes,
    )


def publish(publication: Publication, *, token: str | bool | None = None) -> str:
    """Open the pull request, with all changes in one commit, and return the address of its page.

    Raises:
        HubError: there is no token, or the Hub refuses it or the change.
    """
    check_token(token)
    operations = [CommitOperationAdd(change.path, change.after.encode()) for change in publication.changes]
    with hub_faults(publication.repository, token=token), _refusals(publication.repository):
        done = HfApi(token=token).create_commit(
            publication.repository,
            operations,
            commit_message=publication.title,
            commit_description=publication.description,
            create_pr=True,
            parent_commit=publication.base,
        )
    return str(done.pr_url)


def check_report(report: Report) -> str:
    """Refuse a report that is of no model on the Hub, or of a part of a corpus, before anything else is asked for.

    Returns:
        The commit of the model that was measured.

    Raises:
        InputError: it is one of these.
    """
    commit = report.model.commit
    if commit is None or not _COMMIT.fullmatch(commit):
        raise InputError(
            f"The report is of {report.model.id}, which is not on the Hub: upload the model and measure it there."
        )
    if report.corpus.shard:
        raise InputError(f"The report is of the shard {report.corpus.shard} of its corpus: publish one of the whole.")
    return commit


def check_token(token: str | bool | None = None) -> None:
    """Refuse to go on without a token, before anybody is asked anything.

    Raises:
        HubError: there is none.
    """
    if not (get_token() if token is None or token is True else token):
        raise HubError("Publishing takes a token with write access", Remedy.WRITER)


def _check_commit(repository: str, commit: str, token: str | bool | None) -> None:
    """Refuse a repository that does not have what was measured."""
    with hub_faults(repository, commit, token):
        try:
            HfApi(token=token).model_info(repository, revision=commit)
        except RevisionNotFoundError:
            raise HubError(
                f"{repository} has no commit {commit[:7]}, of which the report is: name the repository that was "
                "measured, or measure this one."
            ) from None


def _text_of(listing: Listing, file: str, token: str | bool | None) -> str | None:
    """Read a text file as it is in the repository; None if there is none."""
    if file not in listing.sizes:
        return None
    try:
        return listing.fetch_small(file, token).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileError(f"{file} of {listing.name} is not text in UTF-8: repair it, then publish.") from None


def _without_paths(report: Report) -> Report:
    """Name a corpus that is a file of this machine by its last part alone: folders are nobody's business."""
    path = CorpusSpec.parse(report.corpus.source).path
    return report if path is None else replace(report, corpus=replace(report.corpus, source=path.name))


def _description(report: Report) -> str:
    fingerprint = report.corpus.fingerprint[:16]
    return (
        f"Measured by nc_hf {report.versions.get('nc_hf', '')} at the commit {report.model.commit}, on "
        f"{report.tokens:,} tokens of {code(report.corpus.source)} ({plain(report.corpus.split)}, fingerprint "
        f"{code(fingerprint)}).\n\nThe metrics follow [Linguistic Collapse](https://arxiv.org/abs/2405.17767). This "
        f"adds them to the model-index of {README}, and {REPORT} with their standard errors, definitions and "
        "everything that they depend on."
    )


@contextmanager
def _refusals(repository: str) -> Iterator[None]:
    """Say what it means when the Hub refuses a pull request."""
    try:
        yield
    except HfHubHTTPError as fault:
        if fault.response.status_code != 403:
            raise
        said = (fault.server_message or "").splitlines()
        reason = f" ({said[0].rstrip('.')})" if said else ""
        raise HubError(
            f"The Hub does not take a pull request to {repository} from you{reason}", Remedy.PULL_REQUEST
        ) from fault
    except ValueError as fault:
        raise FileError(
            f"The Hub refuses the metadata that {README} of {repository} would have ({first_line(fault)}): repair what "
            "is there, then publish."
        ) from fault
