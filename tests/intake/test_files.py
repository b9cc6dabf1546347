"""A14, A10: files by content, stored privately, seen with the request, never run."""

import io
import uuid
import zipfile
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from intake import files, services
from intake.files import BadFile, check, tidy_name
from intake.models import Attachment, Comment, Draft, IntakeForm, Request
from intake.tasks import remove_loose_files
from tests.factories import make_request

pytestmark = pytest.mark.django_db
NEW = "/requests/new/"
ADD = "/requests/drafts/files/files/"
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\nstartxref\n0\n%%EOF\n"


def text(response):
    return response.content.decode()


def picture(kind="PNG", size=(40, 30), **more):
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, format=kind, **more)
    return out.getvalue()


def with_place():
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif[0x8825] = {1: "N", 2: (52.0, 22.0, 12.0)}
    return picture("JPEG", exif=exif)


def zipped(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


DOCX = zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": "<w/>"})


class TestContent:
    @pytest.mark.parametrize(
        ("name", "content", "kind", "called"),
        [
            ("a.png", picture(), "image/png", "a.png"),
            ("a.jpg", picture("JPEG"), "image/jpeg", "a.jpg"),
            ("a.gif", picture("GIF"), "image/gif", "a.gif"),
            ("a.webp", picture("WEBP"), "image/webp", "a.webp"),
            ("a.pdf", PDF, "application/pdf", "a.pdf"),
            ("a.docx", DOCX, files.ENDINGS and "wordprocessingml", "a.docx"),
            ("a.csv", "Größe;1\n".encode(), "text/plain", "a.csv"),
            ("old.csv", "Größe;1\n".encode("latin-1"), "text/plain", "old.csv"),
            ("a.zip", zipped({"a.txt": "a"}), "application/zip", "a.zip"),
            ("lies.pdf", picture(), "image/png", "lies.png"),
            ("photo.jpg.png", picture("JPEG"), "image/jpeg", "photo.jpg.jpg"),
            ("noending", PDF, "application/pdf", "noending.pdf"),
        ],
    )
    def test_the_content_says_the_type_and_the_name_follows(self, name, content, kind, called):
        found = check(name, content)
        assert kind in found.content_type and found.name == called

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("run.exe", b"MZ\x90\x00" + b"\x00" * 200, "can run"),
            ("tool.dat", b"MZ\x90\x00" + b"\x00" * 200, "is not taken: it looks like Windows"),
            ("invoice.pdf.exe", PDF, "“.exe” files can run"),
            ("draw.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "can run"),
            ("draw.png", b"<svg onload=alert(1)></svg>", "can hold scripts"),
            ("page.txt", b"<!DOCTYPE html><script>alert(1)</script>", "can hold scripts"),
            ("go.txt", b"#!/bin/sh\nrm -rf /\n", "is a program"),
            ("cut.png", picture()[:40], "damaged picture"),
            ("fake.png", b"\x89PNG\r\n\x1a\n<script>alert(1)</script>", "damaged picture"),
            ("cut.pdf", b"%PDF-1.4\nnothing", "cut off"),
            ("bad.zip", b"PK\x03\x04" + b"x" * 60, "cannot be opened"),
            ("tool.zip", zipped({"a/b.exe": "MZ"}), "can run"),
            ("nest.zip", zipped({"inner.zip": "PK"}), "another archive"),
            ("macro.docx", zipped({"[Content_Types].xml": "", "word/d.xml": "",
                                   "word/vbaProject.bin": "x"}), "holds macros"),
            ("bomb.zip", zipped({"a.txt": b"0" * 60_000_000}), "unpacks to far more"),
            ("empty.txt", b"", "empty"),
            ("big.txt", b"a" * (files.MAX_BYTES + 1), "too large"),
        ],
    )  # fmt: skip
    def test_what_is_not_taken_is_said_with_words(self, name, content, words):
        with pytest.raises(BadFile, match=words):
            check(name, content)

    def test_pictures_lose_place_and_camera(self):
        before = with_place()
        assert b"SecretCamera" in before
        found = check("me.jpg", before)
        assert b"SecretCamera" not in found.content
        assert dict(Image.open(io.BytesIO(found.content)).getexif()) == {}
        assert (found.width, found.height) == (40, 30)

    def test_what_hides_behind_a_picture_is_gone(self):
        both = picture() + zipped({"evil.exe": "MZ"}) + b"<script>alert(1)</script>"
        found = check("a.png", both)
        assert b"script" not in found.content and b"PK\x03\x04" not in found.content

    def test_a_turned_picture_stands_upright(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        assert check("a.jpg", picture("JPEG", exif=exif)).width == 30

    def test_a_picture_of_endless_pixels_is_not_unpacked(self):
        out = io.BytesIO()
        Image.new("1", (20_000, 20_000)).save(out, format="PNG")
        with pytest.raises(BadFile, match="million pixels|damaged"):
            check("bomb.png", out.getvalue())

    def test_an_animation_stays_one(self):
        out = io.BytesIO()
        frames = [Image.new("RGB", (8, 8), (n * 60, 0, 0)) for n in range(3)]
        frames[0].save(out, format="GIF", save_all=True, append_images=frames[1:], duration=50)
        found = check("a.gif", out.getvalue())
        assert Image.open(io.BytesIO(found.content)).n_frames == 3

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\plan.pdf", "plan.pdf"),
            ("annual\u202efdp.exe", "annualfdp.exe"),
            ("a\x00b\nc.txt", "ab c.txt"),
            ("", "file"),
            ("...", "file"),
            ("تقرير.pdf", "تقرير.pdf"),
        ],
    )
    def test_names_are_tidied(self, name, shown):
        assert tidy_name(name) == shown

    def test_long_names_keep_their_ending(self):
        shown = tidy_name("x" * 300 + ".pdf")
        assert len(shown) <= 120 and shown.endswith("….pdf")


def upload(name="shot.png", content=None, kind="text/html"):
    return SimpleUploadedFile(name, content or picture(), content_type=kind)


@pytest.fixture
def key():
    return str(uuid.uuid4())


def words(key, **more):
    return {
        "form": "idea", "submission_key": key, "title": "Photos are lost",
        "problem": "Every day.", **more,
    }  # fmt: skip


class TestOnAForm:
    def test_they_are_kept_with_the_draft_and_sent_with_it(self, ada, key, signed_in):
        browser = signed_in(ada)
        page = text(browser.post(ADD, words(key, files=[upload(), upload("b.pdf", PDF)])))
        assert "shot.png" in page and "b.pdf" in page
        assert "shot.png" in text(browser.get(f"{NEW}?draft={key}"))
        assert browser.post(NEW, words(key)).status_code == 303
        item = Request.objects.get()
        assert set(item.attachments.values_list("name", "field_key")) == {
            ("shot.png", "files"), ("b.pdf", "files"),
        }  # fmt: skip
        page = text(browser.get(item.get_absolute_url()))
        row = item.attachments.get(name="shot.png")
        assert f'src="/files/{row.key}/"' in page and "b.pdf" in page

    def test_without_scripts_they_come_along_with_the_form(self, ada, key, signed_in):
        assert signed_in(ada).post(NEW, words(key, files=[upload()])).status_code == 303
        assert Request.objects.get().attachments.count() == 1

    def test_a_bad_one_is_named_and_the_good_one_and_the_text_are_kept(self, ada, key, signed_in):
        bad = upload("run.exe", b"MZ\x90\x00" + b"\x00" * 99)
        response = signed_in(ada).post(NEW, words(key, files=[upload(), bad]))
        page = text(response)
        assert response.status_code == 422 and "“.exe” files can run" in page
        assert "shot.png" in page and "Every day." in page
        assert not Request.objects.exists()

    def test_the_same_file_twice_is_one_and_too_many_are_refused(self, ada, key, signed_in):
        browser = signed_in(ada)
        for _ in range(2):
            browser.post(ADD, words(key, files=[upload()]))
        assert Attachment.objects.count() == 1
        many = [upload(f"{n}.txt", f"text {n}".encode()) for n in range(5)]
        response = browser.post(ADD, words(key, files=many))
        assert response.status_code == 422 and "at most 5 files" in text(response)

    def test_one_can_be_taken_off(self, ada, key, signed_in, run_on_commit):
        browser = signed_in(ada)
        browser.post(ADD, words(key, files=[upload()]))
        row = Attachment.objects.get()
        stored = row.file.name
        with run_on_commit():
            response = browser.post(f"/files/{row.key}/remove/", headers={"HX-Request": "true"})
        assert response.status_code == 200 and not Attachment.objects.exists()
        assert not storages["private"].exists(stored)

    def test_a_needed_file_is_needed_until_the_draft_has_one(self, ada, key, signed_in, opsadmin):
        form = IntakeForm.objects.get(slug="idea")
        form.fields.filter(key="files").update(is_required=True)
        services.publish_form(form=form, actor=opsadmin)
        browser = signed_in(ada)
        assert "Add a file: it is needed" in text(browser.post(NEW, words(key)))
        browser.post(ADD, words(key, files=[upload()]))
        assert browser.post(NEW, words(key)).status_code == 303

    def test_they_go_with_the_vote_and_come_back(self, ada, key, outsider, signed_in):
        item = make_request(outsider)
        browser = signed_in(ada)
        browser.post(ADD, words(key, files=[upload()]))
        browser.post("/requests/drafts/join/", words(key, number=item.number))
        assert item.attachments.count() == 1
        browser.post(f"/requests/drafts/{key}/back/")
        assert item.attachments.count() == 0 and "shot.png" in text(
            browser.get(f"{NEW}?draft={key}")
        )

    def test_loose_ones_are_removed_after_a_week(self, ada, key, signed_in, run_on_commit):
        browser = signed_in(ada)
        for state in (Draft.State.OPEN, Draft.State.DISCARDED):
            other = str(uuid.uuid4())
            browser.post("/requests/drafts/save/", words(other))
            browser.post(ADD, words(other, files=[upload()]))
            Draft.objects.filter(key=other).update(state=state)
        with run_on_commit():
            remove_loose_files()
        assert Attachment.objects.count() == 2
        Attachment.objects.update(created_at=timezone.now() - timedelta(days=8))
        with run_on_commit():
            remove_loose_files()
        assert Attachment.objects.get().draft.state == Draft.State.OPEN


class TestServing:
    @pytest.fixture
    def row(self, ada, key, signed_in):
        both = [upload(), upload('plan "x"; y=z\r\n.pdf', PDF)]
        signed_in(ada).post(NEW, words(key, files=both))
        return Attachment.objects.get(content_type="image/png")

    def test_pictures_show_and_all_else_is_a_download(self, ada, row, signed_in):
        browser = signed_in(ada)
        shown = browser.get(f"/files/{row.key}/")
        assert shown["Content-Type"] == "image/png"
        assert shown["Content-Disposition"] == 'inline; filename="shot.png"'
        other = Attachment.objects.get(content_type="application/pdf")
        saved = browser.get(f"/files/{other.key}/")
        assert saved["Content-Disposition"].startswith("attachment; filename")
        assert "\r" not in saved["Content-Disposition"]
        for response in (shown, saved):
            assert response["Content-Security-Policy"] == (
                "sandbox; default-src 'none'; img-src 'self'"
            )
            assert response["X-Content-Type-Options"] == "nosniff"
            assert "no-cache" in response["Cache-Control"]

    def test_it_is_seen_by_those_who_see_the_request(
        self, ada, outsider, pm, row, signed_in, client
    ):
        path = f"/files/{row.key}/"
        assert signed_in(outsider).get(path).status_code == 200
        assert client.get(path).status_code == 302
        Request.objects.update(visibility="private")
        assert signed_in(outsider).get(path).status_code == 404
        assert signed_in(ada).get(path).status_code == signed_in(pm).get(path).status_code == 200

    def test_a_draft_s_file_is_its_author_s_alone(self, ada, pm, key, signed_in):
        other = str(uuid.uuid4())
        signed_in(ada).post(ADD, words(other, files=[upload()]))
        path = f"/files/{Attachment.objects.get().key}/"
        assert signed_in(ada).get(path).status_code == 200
        assert signed_in(pm).get(path).status_code == 404
        assert signed_in(pm).post(f"{path}remove/").status_code == 404

    def test_what_was_sent_stays(self, ada, row, signed_in):
        assert signed_in(ada).post(f"/files/{row.key}/remove/").status_code == 403
        assert Attachment.objects.filter(pk=row.pk).exists()

    def test_rights_are_asked_again_each_time(self, outsider, row, signed_in):
        browser = signed_in(outsider)
        mark = browser.get(f"/files/{row.key}/")["ETag"]
        again = browser.get(f"/files/{row.key}/", headers={"If-None-Match": mark})
        assert again.status_code == 304
        Request.objects.update(visibility="private")
        gone = browser.get(f"/files/{row.key}/", headers={"If-None-Match": mark})
        assert gone.status_code == 404


class TestOnComments:
    def test_a_comment_brings_files_once(self, ada, item, signed_in):
        browser, once = signed_in(ada), str(uuid.uuid4())
        path = f"/requests/{item.number}/comment/"
        for _ in range(2):
            browser.post(path, {"body": "See this", "key": once, "uploads": [upload()]})
        assert Comment.objects.count() == Attachment.objects.count() == 1
        assert "shot.png" in text(browser.get(item.get_absolute_url()))

    def test_a_bad_file_keeps_the_words(self, ada, item, signed_in):
        posted = {"body": "Long thought", "uploads": [upload("a.svg", b"<svg></svg>")]}
        response = signed_in(ada).post(f"/requests/{item.number}/comment/", posted)
        assert response.status_code == 422 and "Long thought" in text(response)
        assert "can run" in text(response) and not Comment.objects.exists()

    def test_files_of_internal_notes_are_for_pms(self, ada, pm, item, signed_in):
        posted = {"body": "Between us", "is_internal": "on", "uploads": [upload("inside.png")]}
        signed_in(pm).post(f"/requests/{item.number}/comment/", posted)
        row = Attachment.objects.get()
        assert row.is_internal
        assert "inside.png" in text(signed_in(pm).get(item.get_absolute_url()))
        assert "inside.png" not in text(signed_in(ada).get(item.get_absolute_url()))
        assert signed_in(ada).get(f"/files/{row.key}/").status_code == 404
