"""A mail as bytes to what the hub needs of it. Pure: no database, no network, no clock."""

import hashlib
import html
import re
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses, parseaddr

import nh3

MAX_TEXT = 10_000
MAX_TITLE = 120
MAX_FILES = 10
# Programs that answer by themselves say so in one of these ways.
ROBOTS = {
    "precedence": ("bulk", "junk", "list", "auto_reply"),
    "x-auto-response-suppress": ("all",),
}
ROBOT_HEADERS = ("list-id", "x-autoreply", "x-autorespond", "x-loop", "feedback-id")
ROBOT_NAMES = ("mailer-daemon", "postmaster", "no-reply", "noreply", "do-not-reply", "bounce")
_REFERENCE = re.compile(r"\bREQ-(\d{1,9})\b", re.I)
_MARK = re.compile(r"<notice-(\d{1,18})-\d{1,18}@[^<>@\s]+>")
_PREFIX = re.compile(r"^\s*((re|aw|sv|fwd?|wg|tr|rv|antw)\s*(\[\d+\])?\s*:\s*)+", re.I)
# Where a mail program begins to repeat the mail that is answered.
_QUOTE = re.compile(
    r"^(?:>.*|-{2,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine).*"
    r"|On .{4,200}\bwrote:|Am .{4,200}\bschrieb.{0,120}:|Le .{4,200}\ba écrit\s*:|_{20,})\s*$",
    re.I,
)
_BREAKS = re.compile(r"<\s*(?:br|/p|/div|/tr|/li|/h[1-6])\b[^>]*>", re.I)


@dataclass(frozen=True)
class File:
    """One attachment, as it came."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Mail:
    """What a mail says. `key` is its Message-ID, or a hash where it has none."""

    key: str
    address: str
    name: str
    to: tuple[str, ...]
    subject: str
    text: str
    is_robot: bool
    notices: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()
    files: tuple[File, ...] = field(default=(), repr=False)

    @property
    def title(self) -> str:
        """One line for a request: the subject without "Re:", else the first words."""
        plain = _PREFIX.sub("", self.subject).strip()
        first = next((line.strip() for line in self.text.splitlines() if line.strip()), "")
        return (plain or first or "Mail without words")[:MAX_TITLE]


def read_mail(raw: bytes) -> Mail:
    """Any bytes; what is broken is read as far as it goes. Never raises."""
    try:
        message = BytesParser(policy=policy.default).parsebytes(raw)
        assert isinstance(message, EmailMessage)
    except Exception:  # noqa: BLE001  the parser of the library trips over some headers
        message = EmailMessage()
        message.set_content(raw.decode("utf-8", "replace"))
    name, address = parseaddr(_header(message, "from"))
    text = _text(message)
    subject = _one_line(_header(message, "subject"))
    thread = f"{_header(message, 'in-reply-to')} {_header(message, 'references')}"
    mark = _header(message, "message-id").strip()
    return Mail(
        key=mark[:190] or f"sha256:{hashlib.sha256(raw).hexdigest()}",
        address=address.strip().lower()[:254],
        name=_one_line(name)[:120],
        to=tuple(a.lower() for _, a in getaddresses([_header(message, "to")]) if a),
        subject=subject[:500],
        text=_fresh(text)[:MAX_TEXT],
        is_robot=_is_robot(message, address.lower()),
        notices=tuple(dict.fromkeys(int(found) for found in _MARK.findall(thread))),
        numbers=tuple(dict.fromkeys(int(found) for found in _REFERENCE.findall(subject))),
        files=tuple(_files(message)),
    )


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, "")).replace("\x00", "")
    except Exception:  # noqa: BLE001  a header that cannot be read counts as missing
        return ""


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _is_robot(message: EmailMessage, address: str) -> bool:
    auto = _header(message, "auto-submitted").strip().lower()
    if auto and auto != "no":
        return True
    if _header(message, "return-path").strip() == "<>":
        return True
    for name, words in ROBOTS.items():
        if any(word in _header(message, name).lower() for word in words):
            return True
    if any(message.get(name) is not None for name in ROBOT_HEADERS):
        return True
    if message.get_content_type() == "multipart/report":
        return True
    return address.partition("@")[0] in ROBOT_NAMES


def _text(message: EmailMessage) -> str:
    try:
        part = message.get_body(preferencelist=("plain", "html"))
        content = part.get_content() if part is not None else ""
        is_html = part is not None and part.get_content_type() == "text/html"
    except Exception:  # noqa: BLE001  an unknown charset or a broken part: its bytes, as they are
        payload = message.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
        is_html = False
    if not isinstance(content, str):
        return ""
    if is_html:
        content = nh3.clean(_BREAKS.sub("\n", content), tags=set())
        content = html.unescape(content)
    return content.replace("\x00", "").replace("\r\n", "\n").replace("\r", "\n")


def _fresh(text: str) -> str:
    """What was written now, without the mail it answers and without the signature."""
    kept: list[str] = []
    for line in text.splitlines():
        if line.rstrip() == "--" or _QUOTE.match(line):
            break
        kept.append(line.rstrip())
    fresh = "\n".join(kept).strip()
    return fresh or text.strip()


def _files(message: EmailMessage) -> list[File]:
    found = []
    try:
        parts = list(message.iter_attachments())
    except Exception:  # noqa: BLE001  a broken part has no attachments
        return []
    for part in parts:
        try:
            content = part.get_payload(decode=True)
            name = part.get_filename() or ""
        except Exception:  # noqa: BLE001  the others may be whole
            continue
        if isinstance(content, bytes) and content and name:
            found.append(File(_one_line(name)[:150], content))
    return found[:MAX_FILES]
