"""Vectors in exact arithmetic: whole numbers over one denominator, so that nothing rounds before a root is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

FRACTIONS_OF = np.frompyfunc(Fraction, 2, 1)


@dataclass(frozen=True)
class Exact:
    """Rows (K, D) of Python integers, to be read over one positive denominator."""

    rows: np.ndarray
    denominator: int

    @classmethod
    def of_fractions(cls, rows: list[list[Fraction]], denominator: int = 1) -> Exact:
        """Fractions, to be read over ``denominator``."""
        common = int(np.lcm.reduce([f.denominator for row in rows for f in row], dtype=object))
        whole = [[f.numerator * (common // f.denominator) for f in row] for row in rows]
        return cls(np.array(whole, dtype=object), common * denominator)

    def values(self) -> np.ndarray:
        """(K, D) the nearest floats."""
        return floats(self.rows, self.denominator)

    def at(self, which: np.ndarray) -> Exact:
        return Exact(self.rows[which], self.denominator)

    def squares(self) -> np.ndarray:
        """(K,) Fractions: |x|^2 of every row."""
        return FRACTIONS_OF((self.rows**2).sum(axis=1), self.denominator**2)

    def lengths(self) -> np.ndarray:
        """(K,) floats: |x| of every row, 0 where it is."""
        return np.sqrt(floats((self.rows**2).sum(axis=1), self.denominator**2))

    @cached_property
    def directed(self) -> Exact:
        """The rows that are not zero."""
        return self.at(np.array([bool(row.any()) for row in self.rows], dtype=bool))

    def weighted_mean(self, weights: np.ndarray) -> list[Fraction]:
        """(D,) mean of the rows by whole weights (K,)."""
        sums = (self.rows * weights[:, None]).sum(axis=0)
        return [Fraction(s, self.denominator * int(weights.sum())) for s in sums]

    def about(self, centre: list[Fraction]) -> Exact:
        """The rows less a centre (D,)."""
        return Exact.of_fractions(
            [[Fraction(x, self.denominator) - c for x, c in zip(row, centre, strict=True)] for row in self.rows]
        )

    def about_their_mean(self) -> Exact:
        count = len(self.rows)
        return Exact(self.rows * count - self.rows.sum(axis=0), self.denominator * count)

    @cached_property
    def pair_squares(self) -> np.ndarray:
        """(P,) integers over the squared denominator: |x_c - x_c'|^2 of every pair c < c'."""
        return by_pairs(lambda i: ((self.rows[i] - self.rows[i + 1 :]) ** 2).sum(axis=1), len(self.rows))

    @cached_property
    def pair_angles(self) -> tuple[np.ndarray, np.ndarray]:
        """(P,) floats: cos and |u_c - u_c'|^2 of every pair c < c' of rows, none of which is zero."""
        squares = (self.rows**2).sum(axis=1)
        products = by_pairs(lambda i: (self.rows[i] * self.rows[i + 1 :]).sum(axis=1), len(self.rows))
        whole = by_pairs(lambda i: squares[i] * squares[i + 1 :], len(self.rows))
        cosines = roots(products, whole)
        chords = 2 - 2 * cosines
        near = cosines > 0.9
        # By |a|^2 |b|^2 - (a.b)^2, exact, the sine of a small angle has all its digits.
        chords[near] = 2 * floats(whole[near] - products[near] ** 2, whole[near]) / (1 + cosines[near])
        return cosines, chords


def by_pairs(of_row: Callable[[int], np.ndarray], count: int) -> np.ndarray:
    """(P,) what a function returns of each row c and all c' > c, row after row: the order of ``np.triu_indices``."""
    return np.concatenate([of_row(i) for i in range(count - 1)]) if count > 1 else np.empty(0, dtype=object)


def exactly(values: np.ndarray) -> Exact:
    """Floats (K, D) as the numbers that they are."""
    mantissas, exponents = np.frexp(np.asarray(values, dtype=np.float64))
    least = int(np.where(mantissas != 0, exponents, exponents.max()).min()) - 53
    whole = (mantissas * 2.0**53).astype(np.int64).astype(object)
    shift = np.where(mantissas != 0, exponents - 53 - least, 0).astype(object)
    rows = whole * 2**shift
    return Exact(rows * 2**least, 1) if least >= 0 else Exact(rows, 2**-least)


def floats(numbers: np.ndarray, over: np.ndarray | int = 1) -> np.ndarray:
    """The nearest floats to exact numbers over a denominator, or over one each."""
    return np.asarray(np.true_divide(numbers, over), dtype=np.float64)


def roots(products: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Floats p / sqrt(w), with the sign of p: of a.b and |a|^2 |b|^2 the cosine, which is 1 where it is."""
    return np.sqrt(floats(products**2, whole)) * np.where(products < 0, -1.0, 1.0)


def pseudo_inverse_trace(left: np.ndarray, symmetric: np.ndarray) -> Fraction:
    """Tr(A B^+), (D, D) Fractions both, B symmetric and not zero: exact, so that no rank is a matter of rounding.

    With C a basis of the columns of B, (D, r), B^+ = C (C^T B C)^-1 C^T.
    """
    basis = symmetric[:, independent_columns(symmetric)]
    inner = basis.T @ symmetric @ basis
    return np.trace(solved(inner, basis.T @ left @ basis))


def independent_columns(matrix: np.ndarray) -> list[int]:
    """Columns, from the left, that are no combination of those before them."""
    work, found = matrix.copy(), []
    for column in range(work.shape[1]):
        rows = [row for row in range(len(found), len(work)) if work[row, column]]
        if rows:
            top = len(found)
            work[[top, rows[0]]] = work[[rows[0], top]]
            for row in range(top + 1, len(work)):
                work[row] = work[row] - work[top] * (work[row, column] / work[top, column])
            found.append(column)
    return found


def solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """X of A X = B in Fractions, A (r, r) of full rank."""
    work = np.concatenate([matrix, right], axis=1)
    size = len(matrix)
    for column in range(size):
        pivot = next(row for row in range(column, size) if work[row, column])
        work[[column, pivot]] = work[[pivot, column]]
        work[column] = work[column] / work[column, column]
        for row in range(size):
            if row != column:
                work[row] = work[row] - work[column] * work[row, column]
    return work[:, size:]
