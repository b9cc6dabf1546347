"""Rows as a CSV file that spreadsheets open as it is meant, and never run."""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

# Excel takes a file for UTF-8 only with this mark in front.
BYTE_ORDER_MARK = "\ufeff"
# What begins a formula, once full-width and other forms are folded to the plain letter (NFKC);
# the mathematical minus has no such fold.
FORMULA_STARTS = frozenset("=+-@\u2212")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?", re.ASCII)
# Lines are sent in lots: a write a line costs more than making the line.
LINES_A_LOT = 200


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_response(
    name: str, header: Iterable[str], rows: Iterable[Iterable[Any]]
) -> StreamingHttpResponse:
    """A download named `name` (with or without .csv), sent while `rows` is read."""
    response = StreamingHttpResponse(
        csv_lines(header, rows), content_type="text/csv; charset=utf-8"
    )
    filename = name if name.endswith(".csv") else f"{name}.csv"
    response["Content-Disposition"] = content_disposition_header(True, filename) or "attachment"
    return response


def csv_lines(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """The text of the file, piece by piece, each cell as `cell` writes it."""
    writer = csv.writer(_Echo())
    lot = [BYTE_ORDER_MARK + writer.writerow([cell(value) for value in header])]
    for row in rows:
        lot.append(writer.writerow([cell(value) for value in row]))
        if len(lot) >= LINES_A_LOT:
            yield "".join(lot)
            lot.clear()
    yield "".join(lot)


def cell(value: Any) -> str:
    """One value as text: yes and no, ISO dates, plain numbers as they are, and an apostrophe
    before whatever a spreadsheet would take for a formula.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    # Half a pair of surrogates is no letter and would end the download in the middle.
    text = str(value).replace("\x00", "").encode("utf-8", "replace").decode()
    return f"'{text}" if is_formula(text) else text


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may run this: also behind blanks and marks that nobody sees."""
    if text[:1] in ("\t", "\r"):
        return True
    if _NUMBER.fullmatch(text):
        return False
    for letter in text:
        if letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf", "Mn"):
            continue
        return unicodedata.normalize("NFKC", letter)[0] in FORMULA_STARTS
    return False
