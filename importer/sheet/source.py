"""The bytes of a file and what they are, by content and never by extension."""

import sys
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from importer.model.errors import FixFile

SIZE_MAX = 1 << 30  # bytes of text, or of a workbook, after decompression
RATIO_MAX = 200  # deflate reaches 1032; real tables stay below 100
RATIO_FROM = 32 << 20  # bytes below which a ratio proves nothing

BLANKS = b" \t\r\n\0"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
FOREIGN = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"SQLite format 3\0": "an SQLite database",
    b"PAR1": "a Parquet file",
    b"{\\rtf": "an RTF document",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, decompressed; ``kind`` is text, html, zip or ole."""

    file: str
    data: bytes
    kind: str
    hashing: Future[str]
    compressed: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of the file's bytes, in hexadecimal."""
        return self.hashing.result()


def load(path: str | Path) -> Source:
    """Read a file, or the standard input for ``-``. Raises `FixFile` for one that is missing, empty or foreign."""
    file = str(path)
    raw = _stdin() if file == "-" else _bytes(Path(path))
    hashing = _hashing(raw)
    compressed = raw.startswith(b"\x1f\x8b")
    data = _gunzip(raw, file) if compressed else raw
    if not (data[:4096].strip(BLANKS) or data.strip(BLANKS)):
        raise FixFile(f"{file}: the file is empty", hint="Give a file with a header row and one row for each contact.")
    return Source(file, data, _kind(data, file), hashing, compressed)


def _hashing(raw: bytes) -> Future[str]:
    """The digest, made in a thread of its own while the bytes are read."""
    thread = ThreadPoolExecutor(1)
    hashing = thread.submit(lambda: sha256(raw).hexdigest())
    thread.shutdown(wait=False)
    return hashing


def _stdin() -> bytes:
    return _whole(sys.stdin.buffer, "-")


def _whole(stream: BinaryIO, file: str) -> bytes:
    data = stream.read(SIZE_MAX + 1)
    if len(data) > SIZE_MAX:
        raise FixFile(f"{file}: is larger than {SIZE_MAX >> 20} MB", hint="Split the file.")
    return data


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise FixFile(f"{path}: is a folder, not a file", hint="Name the spreadsheet inside it.")
        if not path.is_file() and path.exists() and not path.is_fifo():
            raise FixFile(f"{path}: is neither a file nor a pipe", hint="Name a spreadsheet.")
        with path.open("rb") as stream:
            return _whole(stream, str(path))
    except FileNotFoundError:
        raise FixFile(f"{path}: there is no such file", hint="Check the path; - reads the standard input.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise FixFile(f"{path}: cannot be read: {reason}", hint="Check the path and your permission.") from None


def _gunzip(raw: bytes, file: str) -> bytes:
    """All members of a gzip file, one after the other, never more than `SIZE_MAX` bytes."""
    parts: list[bytes] = []
    size = 0
    rest = raw
    while rest.startswith(b"\x1f\x8b"):
        inflate = zlib.decompressobj(wbits=31)
        while not inflate.eof:
            try:
                part = inflate.decompress(rest, 16 << 20)
            except zlib.error:
                raise FixFile(f"{file}: the gzip data is damaged", hint="Compress the file again.") from None
            size += len(part)
            if size > SIZE_MAX or (size > RATIO_FROM and size > RATIO_MAX * len(raw)):
                raise FixFile(
                    f"{file}: the gzip data grows to more than {size >> 20} MB, which no spreadsheet does",
                    hint="Decompress it yourself and look at it.",
                )
            parts.append(part)
            rest = inflate.unconsumed_tail
            if not part and not inflate.eof:
                raise FixFile(f"{file}: the gzip data ends too early", hint="Copy the whole file again.")
        rest = inflate.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _kind(data: bytes, file: str) -> str:
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if data.startswith(OLE):
        return "ole"
    for magic, what in FOREIGN.items():
        if data.startswith(magic):
            raise FixFile(f"{file}: is {what}, not a spreadsheet", hint="Give a CSV or Excel file.")
    return "html" if _is_html(data[:4096]) else "text"


def _is_html(head: bytes) -> bool:
    start = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<table", b"<head", b"<meta", b"<style", b"<body", b"<div"))
