"""Text columns of the parser as plain buffers, through the Arrow C data interface."""

import ctypes
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

Column = tuple[bytes, bytes]  # offsets as 32-bit integers, and the text that they cut

DIGITS = 16  # a number holds 15 exactly
ZEROS = bytes(48 if 48 <= code <= 57 else code for code in range(256))


class _Array(ctypes.Structure):
    """``struct ArrowArray`` of https://arrow.apache.org/docs/format/CDataInterface.html"""


_Array._fields_ = (
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
)


def columns(sheet: Any) -> list[Column | None]:
    """Offsets and text of each column of a sheet that was loaded as text; ``None`` for one without a cell."""
    schema, capsule = sheet.__arrow_c_array__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    table = _Array.from_address(pointer(capsule, b"arrow_array"))
    found = [_column(table.children[index].contents) for index in range(table.n_children)]
    del schema, capsule  # they own the memory that was copied from
    return found


def _column(column: Any) -> Column | None:
    if column.null_count == column.length or column.n_buffers != 3:
        return None
    start = column.offset * 4
    offsets = ctypes.string_at(column.buffers[1] + start, (column.length + 1) * 4)
    end = int.from_bytes(offsets[-4:], "little")
    return offsets, ctypes.string_at(column.buffers[2], end) if end else b""


def long_digits(kept: Sequence[tuple[int, Column]]) -> list[tuple[int, int]]:
    """Row and column of each cell that is a whole number of 16 digits or more."""
    found: list[tuple[int, int]] = []
    for index, (offsets, text) in kept:
        if b"0" * DIGITS in text.translate(ZEROS):
            found.extend(_long(index, offsets, text))
    return found


def _long(index: int, offsets: bytes, text: bytes) -> Iterator[tuple[int, int]]:
    cuts = array("i")
    cuts.frombytes(offsets)
    for row, (start, end) in enumerate(pairwise(cuts)):
        if end - start >= DIGITS:
            digits = text[start:end].removeprefix(b"-")
            if digits.isdigit() and len(digits) >= DIGITS:
                yield row, index
