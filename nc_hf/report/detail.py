"""What lies beneath the values of a report: strata of class frequency, and single tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class StratumRecord:
    """The classes with ``low`` to ``high`` tokens, measured among themselves (see ``nc_hf.metrics.strata``).

    Attributes:
        low: fewest tokens of a class, included.
        high: most tokens of a class, included.
        used: whether these classes count for the metrics of the report; a bin may have some that do and some that do
            not, which then are two strata.
        classes: number of classes.
        tokens: number of tokens.
        share: of all tokens, in [0, 1].
        norm: mean |m_c| over the root mean square of all used classes; None where the classes are not used.
        duality: mean cos(w~_c, m_c), centred over all used classes; None where the classes are not used.
        agreement_tokens: sampled tokens of these classes, on which NC4 was decided.
        metrics: values by name, among these classes alone; none where they are not used.
    """

    low: int
    high: int
    used: bool
    classes: int
    tokens: int
    share: float
    norm: float | None
    duality: float | None
    agreement_tokens: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class TokenRecord:
    """One next-token class (see ``nc_hf.metrics.tokens`` for the definitions).

    Attributes:
        id: of the token.
        text: what it spells, with blanks and control characters made visible.
        count: tokens of the class.
        variability: s2_c over the variance between classes; their mean is ``nc1_trace_ratio``. Down is collapsed.
        norm: |m_c| over its root mean square.
        duality: cos(w~_c, m_c), centred; NaN where either is zero.
        agreement: share of its sampled tokens on which both classifiers decide alike; None where none was sampled.
        nearest_id: the class whose mean is nearest.
        nearest_text: what it spells.
        distance: to that mean, in the unit of ``norm``.
    """

    id: int
    text: str
    count: int
    variability: float
    norm: float
    duality: float
    agreement: float | None
    nearest_id: int
    nearest_text: str
    distance: float


@dataclass(frozen=True)
class ClassColumns:
    """The same of many classes, commonest first, one list a quantity; NC4 as counts of sampled and agreeing tokens.

    Attributes:
        ids: of the tokens.
        texts: what they spell.
        counts: tokens of each class.
        variability: as of one token.
        norm: as of one token.
        duality: as of one token.
        sampled: tokens of each class on which NC4 was decided.
        agreed: those of them on which both classifiers decide alike.
    """

    ids: list[int]
    texts: list[str]
    counts: list[int]
    variability: list[float]
    norm: list[float]
    duality: list[float]
    sampled: list[int]
    agreed: list[int]


@dataclass(frozen=True)
class CosineRecord:
    """cos(m_c, m_c') among the commonest classes, commonest first.

    Attributes:
        ids: of the K tokens.
        texts: what they spell.
        cosines: (K, K), in [-1, 1].
    """

    ids: list[int]
    texts: list[str]
    cosines: list[list[float]]


@dataclass(frozen=True)
class PlaneRecord:
    """Class means and classifier rows on one plane (see ``nc_hf.metrics.projection``), to four decimals.

    Attributes:
        axes_of: whose two principal axes span it: of the class ``means``, or of the classifier's ``rows``.
        means_share: of the variance of all class means, how much lies along each axis.
        rows_share: of the variance of all rows of the classifier, how much lies along each axis.
        x: the centred class means along the first axis, over their root mean square length.
        y: the same along the second axis.
        row_x: the centred rows of the classifier along the first axis, over their root mean square length.
        row_y: the same along the second axis.
    """

    axes_of: str
    means_share: list[float]
    rows_share: list[float]
    x: list[float]
    y: list[float]
    row_x: list[float]
    row_y: list[float]


@dataclass(frozen=True)
class TokenMap:
    """Where the classes of the columns lie, in the same order: on planes, and beside which others.

    Attributes:
        planes: the map, on one plane or another.
        nearest: ids of the classes with the nearest means, the nearest first.
        distances: to them, in the unit of ``norm``, to four decimals.
        others: text by id, of nearest classes that are not among the columns.
        contexts: texts before the class's tokens, of a few of them chosen evenly; empty where none were asked for.
    """

    planes: list[PlaneRecord]
    nearest: list[list[int]]
    distances: list[list[float]]
    others: dict[str, str]
    contexts: list[list[str]]


@dataclass(frozen=True)
class TokenTable:
    """The classes one by one.

    Attributes:
        classes: how many count, and have two tokens or more.
        most_collapsed: the classes of least variability, least first.
        least_collapsed: those of most variability, most first.
        columns: every class, or where they are many the commonest and an even choice of the rest.
        commonest: cosines among the commonest.
        shares: of the tokens' variance, between the ``categories`` of tokens, between the ``tokens`` of one category,
            and between the ``contexts`` of one token; empty without a tokenizer.
        map: where the classes of the columns lie; None in a file from before schema 7.
    """

    classes: int
    most_collapsed: list[TokenRecord]
    least_collapsed: list[TokenRecord]
    columns: ClassColumns
    commonest: CosineRecord
    shares: dict[str, float]
    map: TokenMap | None

    @property
    def spelled(self) -> dict[int, str]:
        """Texts by id: of the columns, and of what the map names beside them."""
        others = {} if self.map is None else self.map.others
        return {
            **dict(zip(self.columns.ids, self.columns.texts, strict=True)),
            **{int(i): text for i, text in others.items()},
        }

    def without_contexts(self) -> TokenTable:
        """Return the table without the pieces of text that it quotes."""
        if self.map is None:
            return self
        return replace(self, map=replace(self.map, contexts=[[] for _ in self.map.contexts]))
