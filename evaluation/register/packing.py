"""Text files as they are, gzipped or alone in a zip archive, opened alike.

In: a path. Out: a :class:`Packed` that opens it as often as wanted. Must never decode a text.
"""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from evaluation.errors import fail

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
# what a text cannot begin with
_BINARY = {
    b"PAR1": "Parquet",
    b"\x00\x00\x00\x00": "SAS",
    _ZIP: "zip",
    b"\xd0\xcf\x11\xe0": "Excel",
    b"$FL2": "SPSS",
    b"RDX3": "R",
}


@dataclass(frozen=True, slots=True)
class Packed:
    """A text file and what it is packed in.

    Attributes
    ----------
    path : Path
        The file.
    form : str
        ``""``, ``"gz"`` or ``"zip"``.
    member : str
        Name of the text in its archive.
    """

    path: Path
    form: str = ""
    member: str = ""

    def open(self) -> BinaryIO:
        """Open the text, unpacked, from its beginning."""
        if self.form == "gz":
            return cast("BinaryIO", gzip.open(self.path, "rb"))
        if self.form == "zip":
            with zipfile.ZipFile(self.path) as archive:
                return cast("BinaryIO", archive.open(self.member))
        return self.path.open("rb")


def unpack(path: Path, magic: bytes) -> Packed:
    """Say how a file that begins with ``magic`` is packed.

    Raises
    ------
    EvaluationError
        EVAL-204 an empty file, a workbook, another program's format, an archive of several files.
    """
    if not magic:
        fail("EVAL-204", file=path.name, reason="0 byte")
    if magic[:2] == _GZIP:
        packed = Packed(path, "gz")
    elif magic == _ZIP:
        packed = Packed(path, "zip", _only_member(path))
    else:
        packed = Packed(path)
    with packed.open() as stream:
        inside = stream.read(4)
    if inside in _BINARY:
        outside = f" ({packed.form})" if packed.form else ""
        fail("EVAL-204", file=path.name, reason=f"{_BINARY[inside]}{outside}")
    return packed


def _only_member(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [i.filename for i in archive.infolist() if not i.is_dir()]
    except zipfile.BadZipFile:
        fail("EVAL-204", file=path.name, reason="zip, Excel: BadZipFile")
    # what a Mac adds beside every file
    names = [n for n in names if not n.startswith("__MACOSX/")]
    if "[Content_Types].xml" in names:
        fail("EVAL-204", file=path.name, reason="Excel")
    if len(names) != 1:
        fail("EVAL-204", file=path.name, reason=f"zip: {len(names)} ≠ 1")
    return names[0]
