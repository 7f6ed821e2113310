"""Binary data in pieces, so that a large blob need not be in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

#: Bytes in order. Pieces may be views of tensors, which are nowhere copied as a whole.
Pieces = Sequence[bytes | memoryview]


def size_of(pieces: Pieces) -> int:
    """Return the bytes of all pieces."""
    return sum(len(piece) for piece in pieces)


def cut(pieces: Pieces, length: int) -> Iterator[bytes]:
    """Yield the same bytes in pieces of a length; the last one may be shorter."""
    rest = bytearray()
    for piece in pieces:
        view = memoryview(piece)
        for start in range(0, len(view), length):
            rest += view[start : start + length]
            if len(rest) >= length:
                yield bytes(rest[:length])
                del rest[:length]
    if rest:
        yield bytes(rest)
