"""CSV that a spreadsheet shows and never runs."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from producthub.lib.csv import BYTE_ORDER_MARK, cell, csv_lines, csv_response, is_formula

RUNS = [
    "=1+1",
    "=HYPERLINK(\"https://evil.example\",\"press\")",
    "+1+cmd|' /C calc'!A0",
    "-1+1",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\ttext",
    "\rtext",
    "  =1+1",
    "\n=1+1",
    "\u00a0=1+1",
    "\u3000=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\u202e=1+1",
    "\x0b@A1",
    "\uff1d1+1",  # full-width =
    "\uff0b1+1",
    "\uff0d1+1",
    "\uff20SUM(A1)",
    "\ufe66A1",  # small =
    "\u207a1",  # superscript +
    "\u22121+1",  # the mathematical minus
    "\x00=1+1",
    "+31612345678",
]  # fmt: skip
HARMLESS = ["plain", "1=1", "a@b.example", "-5", "-12.50", "3,5", "", "   ", "½ = half", "'=1", "é"]


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline="")))


@pytest.mark.parametrize("text", RUNS)
def test_it_defuses_a_formula(text):
    written = cell(text)
    assert written.startswith("'")
    assert written[1:] == text.replace("\x00", "")


@pytest.mark.parametrize("text", HARMLESS)
def test_it_leaves_the_rest_alone(text):
    assert cell(text) == text


def test_values_are_written_as_spreadsheets_read_them():
    assert cell(None) == ""
    assert (cell(True), cell(False)) == ("yes", "no")
    assert (cell(-3), cell(2.5), cell(Decimal("-1.20"))) == ("-3", "2.5", "-1.20")
    assert cell(datetime(2026, 11, 3, 9, 5, 7, 8, tzinfo=UTC)) == "2026-11-03T09:05:07+00:00"
    assert cell(date(2026, 11, 3)) == "2026-11-03"


def test_half_a_surrogate_does_not_end_the_download():
    assert cell("a\ud800b").encode() == b"a?b"


def test_the_response_streams_with_a_mark_for_excel_and_a_name():
    response = csv_response(
        "work items – März", ["Key", "Title"], [["A-1", "two\nlines, “quoted”"]]
    )
    body = b"".join(response.streaming_content)
    assert body.startswith(b"\xef\xbb\xbf")
    assert read(body.decode()) == [["Key", "Title"], ["A-1", "two\nlines, “quoted”"]]
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in response["Content-Disposition"]
    assert "M%C3%A4rz.csv" in response["Content-Disposition"]


def test_rows_are_read_while_the_answer_goes_out():
    asked = []

    def rows():
        for number in range(1000):
            asked.append(number)
            yield [number]

    pieces = csv_lines(["n"], rows())
    next(pieces)
    assert 0 < len(asked) < 1000


@given(st.lists(st.lists(st.text(), min_size=1, max_size=4), max_size=5))
def test_what_goes_in_comes_out_and_no_cell_runs(rows):
    header = ["column"]
    back = read("".join(csv_lines(header, rows)))
    assert len(back) == len(rows) + 1
    for before, after in zip(rows, back[1:], strict=True):
        for old, new in zip(before, after, strict=True):
            assert not is_formula(new)
            assert new.removeprefix("'") == old.replace("\x00", "").removeprefix("'")
