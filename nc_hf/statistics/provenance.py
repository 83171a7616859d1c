"""Where statistics come from, and which may be added up: one model, one corpus, shards that do not overlap."""

from __future__ import annotations

from collections.abc import Mapping

from nc_hf.errors import MergeError

SHARDS = "shards"


def merge_provenance(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """Return the provenance of two statistics added up.

    All entries must agree, except ``shards`` (such as ``"1/4 3/4"``), whose parts are joined and must not overlap.

    Raises:
        MergeError: the statistics come from different models, corpora or options, or hold the same shard.

    >>> merge_provenance({"model": "m", "shards": "1/2"}, {"model": "m", "shards": "2/2"})
    {'model': 'm', 'shards': '1/2 2/2'}
    """
    for key in sorted((first.keys() | second.keys()) - {SHARDS}):
        if first.get(key) != second.get(key):
            raise MergeError(
                f"statistics of different {key} ({first.get(key)} and {second.get(key)}) do not merge: "
                "merge only shards of one measurement."
            )
    if SHARDS not in first and SHARDS not in second:
        return dict(first)
    mine, theirs = first.get(SHARDS, "").split(), second.get(SHARDS, "").split()
    twice = sorted(set(mine) & set(theirs))
    if twice or not mine or not theirs:
        what = f"shard {twice[0]} is in both" if twice else "one of them does not say which shard it holds"
        raise MergeError(f"statistics that overlap do not merge ({what}): give each shard once.")
    if len({shard.partition("/")[2] for shard in mine + theirs}) > 1:
        raise MergeError("statistics of different splits into shards do not merge: use the same n in every i/n.")
    joined = sorted(mine + theirs, key=lambda shard: int(shard.partition("/")[0]))
    return {**first, SHARDS: " ".join(joined)}
