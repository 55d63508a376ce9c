"""A writer of small SAS tables (uncompressed, 32-bit, little-endian) for the tests of the reader.

No package writes this format. Layout after Shotwell, "SAS7BDAT Database Binary Format"; what it
writes is read back by two independent readers in ``test_sas``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MAGIC = bytes(12) + bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011")
_HEADER, _PAGE_HEADER, _POINTER = 1024, 24, 12
_META, _DATA, _MIX = 0x0000, 0x0100, 0x0200
_MISSING = b"\x00\x00\x00\x00\x00\xd1\xff\xff"
ENCODINGS = {"utf-8": 20, "cp1252": 62, "latin-1": 29, "iso8859-15": 40}


@dataclass(frozen=True)
class Variable:
    """A column: numbers (None is SAS's ".") when ``width`` is 0, else texts of that many bytes."""

    name: str
    values: Sequence[object]
    format: str = ""
    width: int = 0


def write_sas(
    path: Path, variables: Sequence[Variable], *, encoding: str = "cp1252", page: int = 16384
) -> None:
    """Write a table; the meta data must fit on its first page."""
    order = sorted(range(len(variables)), key=lambda i: variables[i].width > 0)
    offsets, end = [0] * len(variables), 0
    for i in order:
        offsets[i], end = end, end + (variables[i].width or 8)
    length = -(-end // 8) * 8
    rows = [
        b"".join(_cell(variables[i], n, encoding) for i in order).ljust(length, b"\0")
        for n in range(len(variables[0].values))
    ]
    subheaders = _subheaders(variables, offsets, length, len(rows), page)
    start = -(-(_PAGE_HEADER + _POINTER * (len(subheaders) + 1)) // 8) * 8
    room = (page - start - sum(map(len, subheaders))) // length
    struct.pack_into("<I", subheaders[0], 60, room)
    pages = [_mixed(subheaders, rows[:room], start, page)]
    each = (page - _PAGE_HEADER) // length
    pages += [
        _header(_DATA, len(part), 0) + b"".join(part).ljust(page - _PAGE_HEADER, b"\0")
        for part in (rows[i : i + each] for i in range(room, len(rows), each))
    ]
    path.write_bytes(_file_header(len(pages), page, encoding) + b"".join(pages))


def _cell(variable: Variable, row: int, encoding: str) -> bytes:
    value = variable.values[row]
    if variable.width:
        return ("" if value is None else str(value)).encode(encoding).ljust(variable.width)
    return _MISSING if value is None else struct.pack("<d", float(value))  # type: ignore[arg-type]


def _subheaders(
    variables: Sequence[Variable], offsets: Sequence[int], length: int, rows: int, page: int
) -> list[bytearray]:
    text = bytearray(12 + 4)

    def reference(word: str) -> bytes:
        place = len(text) - 4
        text.extend(word.encode() + bytes(-len(word) % 4))
        return struct.pack("<HHH", 0, place if word else 0, len(word))

    size = bytearray(480)
    struct.pack_into("<I", size, 0, 0xF7F7F7F7)
    struct.pack_into("<II", size, 20, length, rows)
    struct.pack_into("<II", size, 36, len(variables), 0)
    struct.pack_into("<I", size, 52, page)
    count = bytearray(struct.pack("<III", 0xF6F6F6F6, len(variables), 0))
    names = b"".join(reference(v.name) + bytes(2) for v in variables)
    attributes = b"".join(
        struct.pack("<IIHBB", offset, v.width or 8, 0x0400, 2 if v.width else 1, 0)
        for v, offset in zip(variables, offsets, strict=True)
    )
    formats = [
        bytearray(struct.pack("<I30x", 0xFFFFFBFE) + reference(v.format) + bytes(12))
        for v in variables
    ]
    struct.pack_into("<IH", text, 0, 0xFFFFFFFD, len(text) + 8 - 12)
    listed = [_sized(0xFFFFFFFF, names), _sized(0xFFFFFFFC, attributes)]
    return [size, count, bytearray(text + bytes(8)), *listed, *formats]


def _sized(signature: int, entries: bytes) -> bytearray:
    return bytearray(struct.pack("<IHHI", signature, len(entries) + 8, 0, 0) + entries + bytes(8))


def _mixed(subheaders: Sequence[bytearray], rows: Sequence[bytes], start: int, page: int) -> bytes:
    pointers, data, place = b"", b"", page
    for subheader in subheaders:
        place -= len(subheader)
        pointers += struct.pack("<IIBBH", place, len(subheader), 0, 0, 0)
        data = bytes(subheader) + data
    pointers += struct.pack("<IIBBH", place, 0, 1, 0, 0)
    kind = _MIX if rows else _META
    head = _header(kind, len(rows) + len(subheaders) + 1, len(subheaders) + 1)
    return ((head + pointers).ljust(start, b"\0") + b"".join(rows)).ljust(place, b"\0") + data


def _header(kind: int, blocks: int, subheaders: int) -> bytes:
    return struct.pack("<16xHHHH", kind, blocks, subheaders, 0)


def _file_header(pages: int, page: int, encoding: str) -> bytes:
    head = bytearray(_HEADER)
    head[:32] = _MAGIC
    head[32], head[35], head[37], head[39] = 0x22, 0x22, 1, ord("1")
    head[70] = ENCODINGS[encoding]
    head[84:92], head[92:124], head[156:164] = b"SAS FILE", b"TEST".ljust(32), b"DATA    "
    struct.pack_into("<dd", head, 164, 1.9e9, 1.9e9)
    struct.pack_into("<III", head, 196, _HEADER, page, pages)
    head[216:224], head[224:240] = b"9.0401M7", b"Linux".ljust(16, b"\0")
    return bytes(head)
