"""Read a table of requests and turn its rows into what a request needs; pure.

A CSV comes as somebody's tool wrote it: any of four separators, with or without a byte-order
mark, dates in the order of the country, words for states that only that tool knows.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email

from intake.models import PROBLEM_LENGTH, TITLE_LENGTH, Affected, Kind, Priority
from planning.models import Outcome

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 25_000
MAX_COLUMNS = 200
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
DATE_ORDERS = {"dmy": "Day first, 31/12/2026", "mdy": "Month first, 12/31/2026"}


class Unreadable(Exception):
    """The file is no table; the text says what to do."""


@dataclass(frozen=True)
class Target:
    """Something of a request that a column may fill. `names` are headers that mean it."""

    key: str
    label: str
    names: tuple[str, ...]
    is_required: bool = False
    help: str = ""


TARGETS = (
    Target("source_ref", "Id in the other system", ("id", "key", "record id", "issue key", "number",
           "reference"), True, "Rows are recognised by it when the file comes again."),
    Target("title", "Its one line", ("title", "name", "summary", "subject", "feature", "request"),
           True),
    Target("problem", "The problem", ("description", "problem", "body", "details", "notes", "text",
           "content")),
    Target("requester", "Who asked, mail address", ("requester", "email", "e mail", "mail",
           "reporter", "author", "submitted by", "created by", "person e mail", "user email")),
    Target("requester_name", "Who asked, name", ("requester name", "reporter name", "author name",
           "person", "user name", "user")),
    Target("submitted_at", "When it was sent", ("created", "created at", "submitted",
           "submitted at", "date", "created date", "created time")),
    Target("kind", "Kind", ("kind", "type", "issue type", "category")),
    Target("team", "Product area", ("team", "area", "product area", "product", "component",
           "board")),
    Target("priority", "Priority", ("priority", "urgency")),
    Target("labels", "Labels", ("labels", "tags", "label", "tag")),
    Target("customer", "Customer", ("customer", "company", "account", "organisation",
           "organization")),
    Target("evidence_url", "Link to evidence", ("url", "link", "source url", "evidence")),
    Target("needed_on", "Needed by", ("needed by", "due", "due date", "deadline")),
    Target("affected", "Who feels it", ("affected", "who feels it", "users")),
    Target("voters", "Who voted, mail addresses", ("voters", "votes by", "watchers", "followers",
           "supporters")),
    Target("outcome", "State or decision", ("status", "state", "outcome", "decision",
           "resolution")),
    Target("reason", "Reason of the decision", ("reason", "decision reason", "status reason",
           "response")),
    Target("decided_at", "When it was decided", ("decided", "decided at", "resolved",
           "closed at")),
)  # fmt: skip
BY_KEY = {target.key: target for target in TARGETS}
TEXT_TARGETS = frozenset({"title", "problem", "evidence_url", "needed_on", "priority", "labels"})

# Words of other tools, folded. Open ones are left to be triaged here.
OUTCOME_WORDS = {
    Outcome.DO: ("do it", "do", "accepted", "approved", "planned", "yes", "in progress", "started",
                 "committed", "next", "now"),
    Outcome.LATER: ("not now", "later", "postponed", "deferred", "parked", "on hold", "backlog"),
    Outcome.NO: ("no", "declined", "rejected", "wont do", "won t do", "closed", "wontfix",
                 "cancelled", "canceled"),
}  # fmt: skip
SHIPPED_WORDS = frozenset({"done", "delivered", "shipped", "released", "complete", "completed",
                           "resolved", "live"})  # fmt: skip
OPEN_WORDS = frozenset({"", "new", "open", "in triage", "triage", "to do", "todo", "under review",
                        "reviewing", "waiting", "submitted", "received",
                        "unprocessed"})  # fmt: skip
KIND_WORDS = {
    Kind.IDEA: ("idea", "feature", "feature request", "improvement", "story", "enhancement",
                "new feature"),
    Kind.PROBLEM: ("problem", "bug", "defect", "issue", "incident"),
    Kind.DATA: ("data", "question", "report", "insight", "data question"),
    Kind.HELP: ("help", "access", "support", "task", "training"),
}  # fmt: skip
PRIORITY_WORDS = {
    Priority.URGENT: ("urgent", "highest", "critical", "blocker", "p0"),
    Priority.HIGH: ("high", "major", "p1"),
    Priority.NORMAL: ("normal", "medium", "p2", "none"),
    Priority.LOW: ("low", "minor", "lowest", "trivial", "p3", "p4"),
}


@dataclass(frozen=True)
class Table:
    """A file as read. `lines` hold (number in the file, cells)."""

    columns: list[str]
    lines: list[tuple[int, list[str]]]
    encoding: str
    separator: str


def read_table(data: bytes) -> Table:
    """Read a CSV however its tool wrote it. Raises Unreadable with a sentence."""
    if not data.strip():
        raise Unreadable("The file is empty. Export it again and choose the new file.")
    if len(data) > MAX_BYTES:
        raise Unreadable("The file is larger than 20 MB. Split it and bring in the parts.")
    if data[:4] == b"PK\x03\x04" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise Unreadable("This is a workbook. Save it as CSV and choose that file.")
    text, encoding = _decode(data)
    separator = _separator(text)
    csv.field_size_limit(MAX_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=False)
    lines: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(value.strip() for value in cells):
                lines.append((reader.line_num, cells))
            if len(lines) > MAX_ROWS + 1:
                raise Unreadable(f"The file has more than {MAX_ROWS:,} rows. Split it in parts.")
    except csv.Error as error:
        raise Unreadable(f"Line {reader.line_num} cannot be read as a table: {error}.") from error
    if len(lines) < 2:
        raise Unreadable("There is a header but no row below it, or only one row.")
    columns = _distinct(lines[0][1])
    if len(columns) > MAX_COLUMNS:
        raise Unreadable(f"The file has more than {MAX_COLUMNS} columns. Leave out what you can.")
    return Table(columns, lines[1:], encoding, separator)


def _decode(data: bytes) -> tuple[str, str]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace"), "utf-16"
    try:
        return data.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "cp1252"


def _separator(text: str) -> str:
    """The one that cuts the first lines into equally many pieces, and into most."""
    sample = text[:20_000]

    def fit(mark: str) -> tuple[bool, int]:
        try:
            rows = [
                row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=mark) if row
            ]
        except csv.Error:
            return (False, 0)
        sizes = Counter(len(row) for row in rows[:20])
        width = len(rows[0]) if rows else 0
        return (sizes[width] * 2 > min(len(rows), 20) and width > 1, width)

    return max(SEPARATORS, key=fit)


def _distinct(names: Sequence[str]) -> list[str]:
    columns: list[str] = []
    for place, raw in enumerate(names, 1):
        name = wanted = " ".join(raw.replace("\x00", "").split())[:80] or f"Column {place}"
        times = 1
        while name in columns:
            times += 1
            name = f"{wanted} ({times})"
        columns.append(name)
    return columns


def folded(text: str) -> str:
    """A word of another tool, for comparing: small letters, only letters and digits."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def guess_mapping(columns: Sequence[str]) -> dict[str, str]:
    """Which column fills what, by what columns are called; each column once."""
    free = {folded(name): name for name in reversed(columns)}
    mapping: dict[str, str] = {}
    for target in TARGETS:
        for name in (target.label, *target.names):
            if folded(name) in free:
                mapping[target.key] = free.pop(folded(name))
                break
    return mapping


def guess_date_order(values: Sequence[str]) -> str:
    """Day first unless some date can only be read month first."""
    for value in values:
        match = _SLASHED.match(value.strip())
        if match and int(match[2]) > 12 >= int(match[1]):
            return "mdy"
    return "dmy"


_SLASHED = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{2,4})(?:[ T]+(\d{1,2}):(\d{2}))?", re.ASCII)


def read_moment(text: str, order: str, zone: ZoneInfo) -> datetime:
    """A date, with or without a time, as an aware moment; naive ones are the company's.

    Raises ValueError for what is no date.
    """
    text = text.strip()
    try:
        moment = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    except ValueError:
        match = _SLASHED.match(text)
        if match is None:
            raise
        first, second, year = int(match[1]), int(match[2]), int(match[3])
        year += 2000 if year < 100 else 0
        day, month = (first, second) if order == "dmy" else (second, first)
        moment = datetime(year, month, day, int(match[4] or 0), int(match[5] or 0))
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


@dataclass
class Draft:
    """One row, read: what a request is to hold, what must change, what cannot be taken over."""

    source_ref: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    faults: list[dict[str, str]] = field(default_factory=list)
    lost: list[dict[str, str]] = field(default_factory=list)

    def fault(self, column: str, text: str) -> None:
        self.faults.append({"column": column, "text": text})

    def lose(self, column: str, text: str) -> None:
        self.lost.append({"column": column, "text": text})


@dataclass(frozen=True)
class Known:
    """What the hub holds that rows may name, by folded name."""

    teams: Mapping[str, Any]
    customers: Mapping[str, Any]
    zone: ZoneInfo
    now: datetime


def read_row(
    table_columns: Sequence[str],
    cells: Sequence[str],
    mapping: Mapping[str, str],
    order: str,
    known: Known,
) -> Draft:
    """Turn one row into a draft; everything wrong with it is said at once."""
    row = Draft()
    given = {
        name: value.replace("\x00", "").strip()
        for name, value in zip(table_columns, cells, strict=False)
    }
    if len(cells) > len(table_columns):
        row.lose("", f"{len(cells) - len(table_columns)} cells beyond the last column")

    def cell(key: str) -> str:
        return given.get(mapping.get(key, ""), "")

    for target in TARGETS:
        if target.is_required and not cell(target.key):
            row.fault(mapping.get(target.key, target.label), f"{target.label} is missing")
    row.source_ref = cell("source_ref")
    if len(row.source_ref) > 200:
        row.fault(mapping["source_ref"], "The id is longer than 200 characters")
        row.source_ref = row.source_ref[:200]
    _words(row, cell, mapping)
    _people(row, cell, mapping)
    _choices(row, cell, mapping, known)
    _times(row, cell, mapping, order, known)
    _state(row, cell, mapping)
    used = set(mapping.values())
    for name, value in given.items():
        if value and name not in used:
            row.lose(name, "has no place in a request")
    return row


def _words(row: Draft, cell: Any, mapping: Mapping[str, str]) -> None:
    title = " ".join(cell("title").split())
    problem = cell("problem")
    if len(title) > TITLE_LENGTH:
        # Nothing is lost: what does not fit in one line begins the problem.
        problem = f"{title}\n\n{problem}".strip()
        title = title[: TITLE_LENGTH - 1].rstrip() + "…"
    if len(problem) > PROBLEM_LENGTH:
        row.fault(
            mapping["problem"],
            f"Shorten it to {PROBLEM_LENGTH:,} characters; it has {len(problem):,}",
        )
    row.values["title"] = title
    row.values["problem"] = problem or title
    url = cell("evidence_url")
    if url:
        try:
            URLValidator(schemes=["http", "https"])(url)
            row.values["evidence_url"] = url[:500]
        except ValidationError:
            row.fault(mapping["evidence_url"], "Enter a full address, like https://example.com")
    labels = [part.strip().lower() for part in re.split(r"[,;|]", cell("labels")) if part.strip()]
    row.values["labels"] = list(dict.fromkeys(label[:40] for label in labels))[:12]


def _people(row: Draft, cell: Any, mapping: Mapping[str, str]) -> None:
    row.values["requester"] = _address(row, cell("requester"), mapping.get("requester", ""))
    row.values["requester_name"] = cell("requester_name")[:120]
    voters = []
    for part in re.split(r"[,;\s]+", cell("voters")):
        try:
            validate_email(part)
            voters.append(part.lower())
        except ValidationError:
            if part:
                row.lose(mapping["voters"], f"“{part[:60]}” is no mail address")
    row.values["voters"] = list(dict.fromkeys(voters))


def _address(row: Draft, text: str, column: str) -> str:
    match = re.search(r"<([^<>]+)>\s*$", text)
    address = (match[1] if match else text).strip().lower()
    if not address:
        return ""
    try:
        validate_email(address)
    except ValidationError:
        row.fault(column, "Enter a mail address like ana@example.com, or leave it empty")
        return ""
    return address


def _choices(row: Draft, cell: Any, mapping: Mapping[str, str], known: Known) -> None:
    for key, words, normal in (
        ("kind", KIND_WORDS, Kind.IDEA),
        ("priority", PRIORITY_WORDS, Priority.NORMAL),
    ):
        said = folded(cell(key))
        found = next((value for value, names in words.items() if said in (value, *names)), None)
        if said and found is None:
            row.lose(mapping[key], f"“{cell(key)[:60]}” is not known; taken as {normal.label}")
        row.values[key] = str(found or normal)
    for key, held in (("team", known.teams), ("customer", known.customers)):
        said = folded(cell(key))
        row.values[key] = held.get(said)
        if said and said not in held:
            row.lose(mapping[key], f"“{cell(key)[:60]}” is not known here")
    affected = []
    for part in re.split(r"[,;|]", cell("affected")):
        said = folded(part)
        code = next((c for c in Affected if said in (c.value, folded(str(c.label)))), None)
        if code is not None:
            affected.append(str(code))
        elif said:
            row.lose(mapping["affected"], f"“{part.strip()[:60]}” is not known here")
    row.values["affected"] = affected


def _times(row: Draft, cell: Any, mapping: Mapping[str, str], order: str, known: Known) -> None:
    for key in ("submitted_at", "decided_at"):
        row.values[key] = None
        if cell(key):
            try:
                moment = read_moment(cell(key), order, known.zone)
            except (ValueError, OverflowError):
                row.fault(mapping[key], f"“{cell(key)[:40]}” is no date. Write 2026-12-31")
                continue
            if moment > known.now:
                row.fault(mapping[key], "It lies in the future")
            row.values[key] = moment
    row.values["needed_on"] = None
    if cell("needed_on"):
        try:
            row.values["needed_on"] = read_moment(cell("needed_on"), order, known.zone).date()
        except (ValueError, OverflowError):
            row.fault(mapping["needed_on"], f"“{cell('needed_on')[:40]}” is no date")


def _state(row: Draft, cell: Any, mapping: Mapping[str, str]) -> None:
    said = folded(cell("outcome"))
    row.values["outcome"], row.values["is_shipped"] = "", said in SHIPPED_WORDS
    row.values["reason"] = cell("reason")[:2000]
    if said in SHIPPED_WORDS:
        row.values["outcome"] = str(Outcome.DO)
    elif said not in OPEN_WORDS:
        found = next((value for value, names in OUTCOME_WORDS.items() if said in names), None)
        if found is None:
            row.lose(mapping["outcome"], f"“{cell('outcome')[:60]}” is not known; left open")
        row.values["outcome"] = str(found or "")
    sent, decided = row.values["submitted_at"], row.values["decided_at"]
    if sent and decided and decided < sent:
        row.fault(mapping["decided_at"], "It was decided before it was sent")


def as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they are kept beside a row: dates as text."""
    return {
        key: value.isoformat() if isinstance(value, date | datetime | time) else value
        for key, value in values.items()
        if key in TEXT_TARGETS
    }
