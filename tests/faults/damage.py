"""What disks, copies and hands do to a file: each way changes some bytes, by a generator that a seed began."""

from __future__ import annotations

import random
from collections.abc import Callable

Way = Callable[[bytes, random.Random], bytes]


def one_bit(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def one_byte(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + chance.randbytes(1) + data[place + 1 :]


def one_digit(data: bytes, chance: random.Random) -> bytes:
    """Change a digit, which leaves JSON and CSV what they are; in a file without any, a byte."""
    digits = [place for place, byte in enumerate(data) if 48 <= byte < 58]
    if not digits:
        return one_byte(data, chance)
    place = chance.choice(digits)
    return data[:place] + bytes([48 + (data[place] - 47) % 10]) + data[place + 1 :]


def cut_short(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def last_line_lost(data: bytes, chance: random.Random) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join(lines[: -chance.randint(1, max(1, len(lines) // 3))])


def zeros(data: bytes, chance: random.Random) -> bytes:
    """Put zeros in the place of a block, as a file system does that came back from a crash."""
    begin = chance.randrange(len(data))
    end = min(len(data), begin + chance.choice((1, 8, 512, 4096)))
    return data[:begin] + bytes(end - begin) + data[end:]


def longer(data: bytes, chance: random.Random) -> bytes:
    return data + chance.randbytes(chance.randint(1, 64))


def twice(data: bytes, chance: random.Random) -> bytes:
    return data + data


def moved(data: bytes, chance: random.Random) -> bytes:
    """Let two spans of a file change places."""
    size = chance.randint(1, max(1, len(data) // 4))
    one = chance.randrange(max(1, len(data) - 2 * size))
    other = chance.randint(one + size, max(one + size, len(data) - size))
    between = data[one + size : other]
    return data[:one] + data[other : other + size] + between + data[one : one + size] + data[other + size :]


WAYS: dict[str, Way] = {
    "one bit": one_bit,
    "one byte": one_byte,
    "one digit": one_digit,
    "cut short": cut_short,
    "lines lost": last_line_lost,
    "zeros": zeros,
    "longer": longer,
    "twice": twice,
    "moved": moved,
}
