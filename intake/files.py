"""What a sent file truly is: told by its content, never by its name or what the browser says.

Pure: bytes in, a checked file out. Only what is on the list is taken. Pictures are drawn anew, so
that nothing travels with them: no place or camera, no second file behind the picture.
"""

import hashlib
import io
import re
import unicodedata
import warnings
import zipfile
from dataclasses import dataclass
from typing import Any

import puremagic
from PIL import Image, ImageOps

MAX_BYTES = 10 * 1024 * 1024
MAX_FILES = 5
MAX_TOTAL_BYTES = 30 * 1024 * 1024
# A picture is held in memory as four bytes a pixel; a phone's camera makes 12 to 50 million.
MAX_PIXELS = 50_000_000
# All pictures of an animation together.
MAX_FRAME_PIXELS = 120_000_000
MAX_ZIP_MEMBERS = 2_000
MAX_UNZIPPED_BYTES = 200 * 1024 * 1024
MAX_ZIP_RATIO = 120
NAME_LENGTH = 120
IMAGE_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
ACCEPT = ".png,.jpg,.jpeg,.gif,.webp,.pdf,.docx,.xlsx,.pptx,.odt,.ods,.odp,.txt,.csv,.md,.log,.zip"

_FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."
# What a file is called may say more than its type (.csv is text, .md too): allowed endings.
ENDINGS: dict[str, tuple[str, ...]] = {
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "application/pdf": ("pdf",),
    f"{_OFFICE}wordprocessingml.document": ("docx",),
    f"{_OFFICE}spreadsheetml.sheet": ("xlsx",),
    f"{_OFFICE}presentationml.presentation": ("pptx",),
    f"{_OPEN}text": ("odt",),
    f"{_OPEN}spreadsheet": ("ods",),
    f"{_OPEN}presentation": ("odp",),
    "text/plain": ("txt", "csv", "md", "log", "json", "tsv", "yaml", "yml"),
    "application/zip": ("zip",),
}
# Names that some computer runs when they are opened, whatever is in the file.
RUNNING = frozenset(
    "exe com bat cmd ps1 psm1 vbs vbe js jse mjs wsf wsh hta msi msp scr pif cpl dll sys lnk url"
    " jar class sh bash command app dmg pkg deb rpm apk iso img reg inf html htm xhtml shtml svg"
    " svgz xml xsl mht mhtml swf php py rb pl docm xlsm pptm dotm xltm potm xlam one".split()
)
_MARKUP = re.compile(
    rb"<\s*(?:!doctype\s+html|html|head|body|script|svg|iframe|object|embed|\?xml)", re.IGNORECASE
)


class BadFile(Exception):
    """A file that is not taken; the text says why and what to do."""


@dataclass(frozen=True)
class Checked:
    """A file as it will be stored."""

    name: str
    content_type: str
    content: bytes
    sha256: str
    width: int | None = None
    height: int | None = None

    @property
    def size(self) -> int:
        return len(self.content)


def inspect(upload: Any) -> Checked:
    """Check an uploaded file (an object with `name`, `size`, `read`). Raises BadFile."""
    shown = tidy_name(str(upload.name or ""))
    if not upload.size:
        raise BadFile(f"“{shown}” is empty. Choose the file again.")
    if upload.size > MAX_BYTES:
        size = upload.size / 1024 / 1024
        raise BadFile(f"“{shown}” has {size:.0f} MB. Send at most {MAX_BYTES // 1024 // 1024} MB.")
    upload.seek(0)
    return check(str(upload.name or ""), upload.read(MAX_BYTES + 1))


def check(name: str, content: bytes) -> Checked:
    """The same for a name and bytes."""
    shown = tidy_name(name)
    if len(content) > MAX_BYTES or not content:
        raise BadFile(f"“{shown}” is empty or too large.")
    ending = shown.rpartition(".")[2].lower() if "." in shown else ""
    if ending in RUNNING:
        raise BadFile(f"“{shown}” is not taken: “.{ending}” files can run. Send a picture or PDF.")
    width = height = None
    content_type = _type_of(content, shown)
    if content_type in IMAGE_TYPES:
        content, content_type, width, height = _redrawn(content, shown)
        if len(content) > 2 * MAX_BYTES:
            raise BadFile(f"“{shown}” is too large as a picture. Send it smaller.")
    return Checked(
        name=_with_ending(shown, content_type),
        content_type=content_type,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        width=width,
        height=height,
    )


def tidy_name(name: str) -> str:
    """A name to show: no folders, no marks that hide or turn letters, not endless."""
    base = re.split(r"[\\/]", name)[-1]
    plain = "".join(
        " " if letter.isspace() else letter
        for letter in unicodedata.normalize("NFC", base)
        if letter.isspace() or unicodedata.category(letter)[0] != "C"
    )
    plain = " ".join(plain.split()).strip(". ")
    if len(plain) > NAME_LENGTH:
        stem, dot, ending = plain.rpartition(".")
        if dot and len(ending) <= 8:
            plain = stem[: NAME_LENGTH - len(ending) - 2] + "…." + ending
        else:
            plain = plain[: NAME_LENGTH - 1] + "…"
    return plain or "file"


def _with_ending(name: str, content_type: str) -> str:
    endings = ENDINGS[content_type]
    stem, dot, ending = name.rpartition(".")
    if dot and ending.lower() in endings:
        return name
    known = {one for several in ENDINGS.values() for one in several}
    if dot and ending.lower() in known and stem:
        return f"{stem}.{endings[0]}"
    return f"{name}.{endings[0]}"


def _type_of(content: bytes, shown: str) -> str:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    if content.startswith(b"%PDF-"):
        return _pdf(content, shown)
    if content.startswith(b"PK\x03\x04"):
        return _zip(content, shown)
    if _is_text(content):
        return _text(content, shown)
    raise BadFile(
        f"“{shown}” is not taken{_what(content)}. Send a picture, PDF, office document, text or"
        " zip file."
    )


def _what(content: bytes) -> str:
    """What it seems to be, for the sentence."""
    try:
        found = puremagic.magic_string(content[:4096])
    except (puremagic.PureError, ValueError):
        return ""
    return f": it looks like {found[0].name}" if found and found[0].name else ""


def _pdf(content: bytes, shown: str) -> str:
    if b"%%EOF" not in content[-2048:] and b"startxref" not in content[-4096:]:
        raise BadFile(f"“{shown}” is cut off or no PDF. Save it again and choose it anew.")
    return "application/pdf"


_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def _is_text(content: bytes) -> bool:
    """Letters, in UTF-8 or an older spreadsheet's own: no control characters."""
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return _CONTROL.search(text) is None


def _text(content: bytes, shown: str) -> str:
    if _MARKUP.search(content[:2048]):
        raise BadFile(
            f"“{shown}” is a web page or drawing, which can hold scripts. Send a picture or PDF."
        )
    if content.startswith(b"#!"):
        raise BadFile(f"“{shown}” is a program. Send what it says as text, or zip it.")
    return "text/plain"


def _zip(content: bytes, shown: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            _refuse_bomb(members, shown)
            kind = _document(archive, set(names))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise BadFile(f"“{shown}” cannot be opened. Zip it again and choose it anew.") from error
    if any(member.flag_bits & 0x1 for member in members):
        raise BadFile(f"“{shown}” is locked with a password. Send it without one.")
    if kind:
        if any(name.lower().endswith(("vbaproject.bin", ".exe", ".dll")) for name in names):
            raise BadFile(f"“{shown}” holds macros. Save it without them and choose it anew.")
        return kind
    for name in names:
        ending = name.rpartition(".")[2].lower()
        if ending in RUNNING:
            raise BadFile(f"“{shown}” holds “{tidy_name(name)}”, which can run. Leave it out.")
        if ending in ("zip", "7z", "rar", "gz", "tgz", "bz2", "xz", "tar"):
            raise BadFile(f"“{shown}” holds another archive. Put its files in directly.")
    return "application/zip"


def _refuse_bomb(members: list[zipfile.ZipInfo], shown: str) -> None:
    whole = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members) or 1
    if (
        len(members) > MAX_ZIP_MEMBERS
        or whole > MAX_UNZIPPED_BYTES
        or (whole > MAX_BYTES and whole / packed > MAX_ZIP_RATIO)
    ):
        raise BadFile(f"“{shown}” unpacks to far more than it seems. Send what matters of it.")


def _document(archive: zipfile.ZipFile, names: set[str]) -> str:
    """The type of an office document, empty for a plain archive."""
    if "[Content_Types].xml" in names:
        for folder, kind in (
            ("word/", "wordprocessingml.document"),
            ("xl/", "spreadsheetml.sheet"),
            ("ppt/", "presentationml.presentation"),
        ):
            if any(name.startswith(folder) for name in names):
                return _OFFICE + kind
    if "mimetype" in names and archive.getinfo("mimetype").file_size < 100:
        kind = archive.read("mimetype").decode("ascii", "replace").strip()
        if kind in ENDINGS and kind.startswith(_OPEN):
            return kind
    return ""


def _redrawn(content: bytes, shown: str) -> tuple[bytes, str, int, int]:
    """A picture as its pixels alone: no place, camera, comment or anything behind it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(_FORMATS)) as image:
                _refuse_huge(image, shown)
                image.verify()
            with Image.open(io.BytesIO(content), formats=list(_FORMATS)) as image:
                return _drawn(image)
    except BadFile:
        raise
    except (
        OSError,
        ValueError,
        SyntaxError,
        IndexError,
        KeyError,
        EOFError,
        TypeError,
        OverflowError,
        MemoryError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise BadFile(f"“{shown}” is a damaged picture. Save it again and choose it anew.") from (
            error
        )


def _refuse_huge(image: Image.Image, shown: str) -> None:
    pixels = image.width * image.height
    frames = getattr(image, "n_frames", 1)
    if pixels > MAX_PIXELS or pixels * frames > MAX_FRAME_PIXELS:
        raise BadFile(
            f"“{shown}” has {pixels * frames // 1_000_000} million pixels. Send at most"
            f" {MAX_PIXELS // 1_000_000} million."
        )


def _drawn(image: Image.Image) -> tuple[bytes, str, int, int]:
    name = str(image.format)
    out = io.BytesIO()
    if getattr(image, "is_animated", False):
        image.save(out, format=name, save_all=True, exif=b"", comment=b"", xmp=b"")
        return out.getvalue(), _FORMATS[name], image.width, image.height
    upright = ImageOps.exif_transpose(image)
    if name == "JPEG" and upright.mode not in ("RGB", "L"):
        upright = upright.convert("RGB")
    bare = Image.new(upright.mode, upright.size)
    if upright.mode == "P":
        upright = upright.convert("RGBA" if "transparency" in upright.info else "RGB")
        bare = Image.new(upright.mode, upright.size)
    bare.paste(upright)
    more: dict[str, Any] = {"quality": 90} if name in ("JPEG", "WEBP") else {}
    bare.save(out, format=name, **more)
    return out.getvalue(), _FORMATS[name], bare.width, bare.height
