"""The properties that metrics measure, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """A property that several metrics measure.

    Attributes:
        name: as the field calls it.
        title: what it is, in two or three words.
        axis: the same for the panel of a figure.
        meaning: what it asks, as a clause.
    """

    name: str
    title: str
    axis: str
    meaning: str


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("NC1", "variability", "variability within classes",
               "how tightly the contexts that continue with one token gather around their mean"),
        Family("NC2", "simplex geometry", "geometry of class means",
               "how equal the class means are in length, and in the angles between them"),
        Family("GNC2", "uniformity", "uniformity on the sphere",
               "how evenly the class means spread over the sphere, as more classes than dimensions must"),
        Family("NC3", "self-duality", "self-duality",
               "how well each token's row of the classifier points along the token's mean"),
        Family("UNC3", "uniform duality", "uniform duality", "how equal that alignment is from token to token"),
        Family("NC4", "nearest centre", "agreement with the nearest centre",
               "how often the classifier decides like the nearest class mean"),
        Family("NC5", "orthogonality to other text", "angle to other text",
               "how nearly the mean feature of another text is orthogonal to the class means of this one"),
        Family("NC0", "zero row sum", "rows of the head", "how nearly the rows of the classifier cancel"),
    )
}  # fmt: skip
"""In the order in which reports show them."""
