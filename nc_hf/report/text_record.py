"""What a report tells of the text: the corpus, its marks, the classes that count, and the tokens that decide NC4."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nc_hf.corpus.reading import ReadRecord


@dataclass(frozen=True)
class MarkRecord:
    """A token that begins, ends or parts documents.

    Attributes:
        role: ``begin``, ``end`` or ``between``: what it does to documents.
        id: of the token.
        text: that it spells.
        count: how often it stands in the blocks.
        targets: how often it was to be predicted; a beginning never is.
        loss: mean cross-entropy of those, in nats; None where there are none.
    """

    role: str
    id: int
    text: str
    count: int
    targets: int
    loss: float | None


@dataclass(frozen=True)
class CorpusRecord:
    """Which tokens were read.

    Attributes:
        source: the corpus, as named by the user.
        split: of the corpus.
        fingerprint: hash of the token ids, the packing and the tokenizer: equal means the same tokens.
        packing: ``documents`` or ``paper``.
        block_size: tokens a block.
        blocks: number of blocks.
        documents: number of documents that the blocks touch.
        tokenizer_hash: hash of the tokenizer.
        shard: ``i/n`` where only that part of the blocks was read, else None.
        bytes: of the text that the measured tokens spell, in UTF-8; None where that is not known.
        repeated_share: share, in [0, 1], of runs of 32 tokens that stood before; None where that was not counted.
        reading: what was read of the corpus; None where that is not known.
        text_hash: of the token counts of the text, whatever part of it was measured; None where they are not known.
        seed: by which blocks of it were chosen; None where all of them were measured.
        marks: what was put around and between documents; the packing ``paper`` puts nothing.
        marks_note: what has to be known of how documents are marked and kept apart, and of a tokenizer that did not
            come with the model; None where it is as it should be.
    """

    source: str
    split: str
    fingerprint: str
    packing: str
    block_size: int
    blocks: int
    documents: int
    tokenizer_hash: str
    shard: str | None = None
    bytes: int | None = None
    repeated_share: float | None = None
    reading: ReadRecord | None = None
    text_hash: str | None = None
    seed: int | None = None
    marks: list[MarkRecord] = field(default_factory=list)
    marks_note: str | None = None


@dataclass(frozen=True)
class ClassRecord:
    """Which next-token classes the metrics speak of.

    Attributes:
        seen: classes with at least one token.
        rule: how the classes that count were chosen: a share of the text, ``top:N``, a file, ids, ``all``; in a report
            from before schema 5 ``min_count:N``, those with N of the tokens that were measured.
        listed: classes that count.
        used: those of them that the metrics speak of, since two tokens or more of them were measured.
        fewest: measured tokens of the rarest of these.
        hash: of the list; reports with one hash speak of the same classes. Empty where there is no list.
        ids: the list; empty for ``all``.
        census: tokens of the text whose counts decided; 0 where they did not.
        coverage: share of the tokens, in [0, 1], whose class is used.
        vocab_size: rows of the classifier head.
        unigram_entropy: of the measured tokens, in nats: the loss of who knows only how often each of them occurs.
        fragment_share: share of the tokens, in [0, 1], that spell no whole character or are unknown to the tokenizer;
            None where no tokenizer spells them.
    """

    seen: int
    rule: str
    listed: int
    used: int
    fewest: int
    hash: str
    census: int
    coverage: float
    vocab_size: int
    unigram_entropy: float | None = None
    fragment_share: float | None = None
    ids: list[int] = field(default_factory=list)

    @property
    def description(self) -> str:
        """Which classes count, in the words of their rule, with the beginning of the list's hash.

        >>> ClassRecord(512, "0.0002", 200, 200, 52, "0123456789abcdef", 1_000_000, 0.99, 512).description
        '200 tokens with a share of 0.0002 or more of the text (list 01234567)'
        """
        kind, _, number = self.rule.partition(":")
        if self.rule == "all":
            return "every token that was seen"
        if kind == "min_count":
            return f"{self.listed:,} tokens that came up {number} times or more"
        of = f"{self.listed:,} tokens"
        try:
            said = f"{of} with a share of {float(self.rule):g} or more of the text"
        except ValueError:
            said = f"the {of} that are commonest" if kind == "top" else f"{of} of {self.rule}"
        return f"{said} (list {self.hash[:8]})"


@dataclass(frozen=True)
class AgreementRecord:
    """How NC4 was counted.

    Attributes:
        tokens: on which it was decided.
        leave_one_out: whether each was left out of its own class centre.
        classes: ``listed``: both classifiers decide among the classes that count, for tokens of these; ``seen``: every
            centre competes, and the model has its whole head.
    """

    tokens: int
    leave_one_out: bool
    classes: Literal["listed", "seen"]
