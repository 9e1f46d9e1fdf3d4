"""Streams of a compound file, the container of old Excel workbooks; chains that go in circles are cut."""

import struct
from struct import unpack_from

END = 0xFFFFFFFA  # sector numbers from here on are signs
DIRECTORY_ENTRY = 128


class Compound:
    """A compound file's streams, as far as they can be followed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        try:
            shift, small_shift = unpack_from("<HH", data, 30)
            first, self._cutoff, small_table = unpack_from("<I4xII", data, 48)
        except struct.error:
            shift, small_shift, first, self._cutoff, small_table = 9, 6, END, 4096, END
        self._size = 1 << min(shift, 16)
        self._small_size = 1 << min(small_shift, 16)
        self._table = self._sector_table()
        self._entries = self._directory(self._chain(first))
        self._small_table = _numbers(self._chain(small_table))
        root = next((entry for entry in self._entries.values() if entry[0] == 5), (5, END, 0))
        self._small = self._chain(root[1])

    def stream(self, *names: str) -> bytes:
        """The first of the streams that is there; empty when none is."""
        for name in names:
            if name.lower() in self._entries:
                _, start, size = self._entries[name.lower()]
                if size < self._cutoff:
                    return self._follow(start, self._small_table, self._small, self._small_size, 0)[:size]
                return self._chain(start)[:size]
        return b""

    def _sector_table(self) -> list[int]:
        try:
            sectors = list(unpack_from("<109I", self._data, 76))
            more = unpack_from("<I", self._data, 68)[0]
        except struct.error:
            return []
        seen: set[int] = set()
        while more < END and more not in seen:
            seen.add(more)
            numbers = _numbers(self._sector(more))
            sectors += numbers[:-1]
            more = numbers[-1] if numbers else END
        return [number for sector in sectors if sector < END for number in _numbers(self._sector(sector))]

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._size
        return self._data[start : start + self._size]

    def _chain(self, start: int) -> bytes:
        return self._follow(start, self._table, self._data, self._size, self._size)

    @staticmethod
    def _follow(start: int, table: list[int], data: bytes, size: int, before: int) -> bytes:
        parts: list[bytes] = []
        seen: set[int] = set()
        while start < len(table) and start not in seen:
            seen.add(start)
            place = before + start * size
            parts.append(data[place : place + size])
            start = table[start]
        return b"".join(parts)

    @staticmethod
    def _directory(data: bytes) -> dict[str, tuple[int, int, int]]:
        """Name without letter case → kind, first sector, size."""
        entries: dict[str, tuple[int, int, int]] = {}
        for place in range(0, len(data) - DIRECTORY_ENTRY + 1, DIRECTORY_ENTRY):
            length, kind = unpack_from("<HB", data, place + 64)
            start, size = unpack_from("<II", data, place + 116)
            name = data[place : place + max(0, min(length, 64) - 2)].decode("utf-16-le", errors="replace")
            if kind:
                entries.setdefault(name.lower(), (kind, start, size))
        return entries


def _numbers(data: bytes) -> list[int]:
    return list(unpack_from(f"<{len(data) // 4}I", data))
