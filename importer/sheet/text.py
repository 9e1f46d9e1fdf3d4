"""Bytes to text: byte order mark, strict UTF-8, then a guess that is said to be one."""

import codecs
import re
from dataclasses import dataclass
from difflib import get_close_matches
from encodings.aliases import aliases
from itertools import islice

from importer.model.errors import FixCommand, FixFile
from importer.sheet.columns import hits

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What spreadsheet programs and exports of the last decades wrote; DOS and mainframe pages only cause wrong guesses.
CANDIDATES = (
    "gb18030", "big5", "cp950", "big5hkscs", "shift_jis", "cp932", "euc-jp", "cp949", "euc-kr",
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874",
    "iso-8859-1", "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9", "iso-8859-15", "koi8-r", "koi8-u",
    "mac-roman",
)  # fmt: skip
EAST_ASIAN = ("gb18030", "big5hkscs", "cp950", "cp932", "euc-jp", "cp949")
# They and their kin by the names of their codecs, none of which is loaded before a text asks for it.
WIDE = {"gb18030", "big5hkscs", "cp950", "cp932", "euc_jp", "cp949", "big5", "shift_jis", "euc_kr"}
# The pairs of bytes that common characters have; letters of one-byte encodings hardly ever come in such pairs.
COMMON = {
    "gb18030": re.compile(rb"[\xb0-\xd7][\xa1-\xfe]|[\xa1-\xa3][\xa1-\xfe]"),
    "cp950": re.compile(rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]|[\xa1-\xa3][\x40-\x7e\xa1-\xfe]"),
}
PIECE = 1 << 20  # bytes decoded at a time
SAMPLE = 200_000  # bytes looked at for a guess
CONTROLS = bytes(c for c in range(32) if c not in b"\t\n\r\x0b\x0c\x1a\x1b")
LONE = re.compile(rb"\r(?!\n)")
LINE = re.compile(rb"[^\n]*[\x80-\xff][^\n]*\n?")


@dataclass(frozen=True, slots=True)
class Text:
    """UTF-8 without a mark, its lines ended by LF alone; ``samples`` are decoded words that show a guess."""

    data: bytes
    encoding: str
    guessed: bool = False
    samples: tuple[str, ...] = ()


def decode(data: bytes, file: str, encoding: str | None, known: frozenset[str]) -> Text:
    """Decode a file. Raises `FixCommand` for an unknown encoding and `FixFile` for bytes that are no text in it."""
    if encoding is not None:
        return _given(data, file, encoding)
    for mark, name in MARKS:
        if data.startswith(mark):
            return Text(_lines(_strict(data[len(mark) :], name, file)), name)
    wide = _wide(data)
    if wide is not None:
        text = _strict(data, wide, file)
        return Text(_lines(text), wide, guessed=True, samples=_samples(text))
    data = data.rstrip(b"\0\x1a")
    _refuse_binary(data, file)
    try:
        _validate(data)
    except UnicodeDecodeError as error:
        _refuse_damaged(data, error, file)
        return _guess(data, file, known)
    return Text(_lines(data), "utf-8")


def _validate(data: bytes) -> None:
    """Raises `UnicodeDecodeError` for what is no UTF-8; a piece at a time, for the text itself is not wanted."""
    if data.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    whole = memoryview(data)
    try:
        for start in range(0, len(data), PIECE):
            decoder.decode(whole[start : start + PIECE], start + PIECE >= len(data))
    except UnicodeDecodeError:
        data.decode()  # the same error, with its place in the whole


def _given(data: bytes, file: str, encoding: str) -> Text:
    try:
        name = codecs.lookup(encoding).name
        "".encode(name)  # a codec such as base64 turns bytes into bytes
    except (LookupError, ValueError):
        near = get_close_matches(encoding.lower(), {*aliases, *aliases.values()}, n=1)
        hint = f"Did you mean {near[0]}?" if near else "Common ones are utf-8, gb18030, big5, shift_jis, cp1252."
        raise FixCommand(f"there is no encoding {encoding}", hint=hint) from None
    for mark, marked in MARKS:
        if data.startswith(mark) and name.replace("utf_", "utf-")[:5] == marked[:5]:
            return Text(_lines(_strict(data[len(mark) :], marked, file)), marked)
    return Text(_lines(_strict(data, name, file)), name)


def _strict(data: bytes, encoding: str, file: str) -> bytes:
    try:
        return data.decode(encoding).encode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FixFile(
            f"{file}: line {line} holds bytes that are not {encoding}",
            hint="Save the file again as UTF-8, or name its encoding with --encoding.",
        ) from None
    except UnicodeEncodeError:  # lone surrogates
        raise FixFile(f"{file}: is not {encoding} text", hint="Save the file again as UTF-8.") from None


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark shows as zero bytes on one side of most pairs."""
    head = data[:65536]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 20 < len(head) or max(even, odd) < 5 * min(even, odd) or len(data) % 2:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _refuse_binary(data: bytes, file: str) -> None:
    head = data[:65536]
    strange = len(head) - len(head.translate(None, CONTROLS))
    if b"\0" in data or strange * 50 > len(head):
        raise FixFile(
            f"{file}: is neither text nor a spreadsheet that can be read",
            hint="Open it in the program that made it and save it as .xlsx or CSV.",
        )


def _refuse_damaged(data: bytes, error: UnicodeDecodeError, file: str) -> None:
    """Text that is UTF-8 but for a few bytes is damaged; any other encoding would turn the rest into gibberish."""
    head = data[max(0, error.start - SAMPLE) : error.start + SAMPLE]
    text = head.decode(errors="replace")
    bad = text.count("\ufffd")
    good = len(re.findall(r"[^\x00-\x7f\ufffd]", text))
    if good > bad:  # East Asian text in its own encoding has a tenth as many letters that look like UTF-8
        line = data.count(b"\n", 0, error.start) + 1
        raise FixFile(
            f"{file}: is UTF-8 text, but line {line} holds bytes that are not",
            hint="Correct that line and save the file as UTF-8, or name its encoding with --encoding.",
        )


def _guess(data: bytes, file: str, known: frozenset[str]) -> Text:
    sample = b"".join(islice(_pieces(data), 2000))[:SAMPLE]
    for name in _ranking(sample, data[:4096], known):
        try:
            text = data.decode(name).encode()
        except UnicodeError:
            continue
        return Text(_lines(text), name, guessed=True, samples=_samples(text))
    raise FixFile(
        f"{file}: is text in no encoding that is known here", hint="Save it as UTF-8, or name it with --encoding."
    )


def _pieces(data: bytes) -> "map[bytes]":
    """Lines with bytes beyond ASCII, the only ones that tell encodings apart."""
    return map(re.Match.group, LINE.finditer(data))


def _ranking(sample: bytes, head: bytes, known: frozenset[str]) -> list[str]:
    """Encodings from the likeliest: first one that makes header words of the first lines, then chardet's order."""
    import chardet

    guesses = [
        codecs.lookup(guess["encoding"]).name
        for guess in chardet.detect_all(
            sample, ignore_threshold=True, prefer_superset=True, include_encodings=CANDIDATES, max_bytes=SAMPLE
        )
        if guess["encoding"]
    ]
    scores = {name: _words(head, name, known) for name in EAST_ASIAN}
    by_words = [name for name in sorted(scores, key=lambda name: -scores[name]) if scores[name]]
    by_pairs = [] if guesses[:1] and guesses[0] in WIDE else [name for name in COMMON if _common(sample, name)]
    return list(dict.fromkeys([*by_words, *by_pairs, *guesses, "cp1252", "latin-1"]))


def _common(sample: bytes, encoding: str) -> bool:
    """Whether nine tenths of the bytes beyond ASCII are in pairs of common characters."""
    pairs = COMMON[encoding].findall(sample)
    inside = sum(len(pair) - (pair[1] < 128) for pair in pairs)
    return bool(inside * 10 >= 9 * len(sample.translate(None, bytes(range(128)))))


def _words(head: bytes, encoding: str, known: frozenset[str]) -> int:
    lines = head.decode(encoding, errors="ignore").splitlines()[:20]
    return max((hits([w for w in re.split(r'[,;|\t"]', line) if not w.isascii()], known) for line in lines), default=0)


def _lines(text: bytes) -> bytes:
    """End every line with LF; CR CR LF comes of files sent twice through a text-mode transfer."""
    if b"\r" not in text:
        return text
    if not LONE.search(text):  # all before an LF: to take them away costs a tenth of what replacing pairs costs
        return text.replace(b"\r", b"")
    if b"\r\r\n" in text:
        text = re.sub(rb"\r+\n", b"\n", text)
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _samples(text: bytes) -> tuple[str, ...]:
    """A few cells with letters beyond ASCII, for a reader to judge the guess by."""
    head = text[:SAMPLE].decode(errors="ignore")
    words = re.findall(r'[^\x00-\x7f,;|\t\n"][^,;|\t\n"]{0,19}|[A-Za-z]+[^\x00-\x7f,;|\t\n"][^,;|\t\n"]{0,19}', head)
    return tuple(dict.fromkeys(word.strip() for word in words[:50]))[:4]
