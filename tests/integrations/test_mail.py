"""A15: a mail becomes a request, a word on one, waits for review, or is left alone; once."""

import io
import sys
from email.message import EmailMessage

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from accounts.services import guest_for
from intake.models import Attachment, Comment, OpenSubmission, Request
from intake.services import ask_requester, comment_on_request
from integrations.mail.mapping import read_mail
from integrations.mail.receiving import TooLarge, take
from integrations.models import InboundMessage, SourceState, SyncRun
from notices.models import Notice
from tests.factories import install_forms, make_request, make_user
from tests.fakes.imap import FakeMailbox


def picture():
    out = io.BytesIO()
    Image.new("RGB", (4, 3), (200, 30, 30)).save(out, format="PNG")
    return out.getvalue()


PNG = picture()


def mail(
    text="The gate reads plates wrongly when it rains.",
    sender="Ada Mensah <ada@harbourline.example>",
    subject="Gate camera misreads plates",
    key="<a1@mail.example>",
    html="",
    files=(),
    **headers,
):
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, "hub@harbourline.example", subject
    if key:
        made["Message-ID"] = key
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    for name, content in files:
        made.add_attachment(content, maintype="application", subtype="x", filename=name)
    return made.as_bytes()


@pytest.fixture
def came(db, run_on_commit):
    """Take a mail and have it worked on; what became of it."""

    def take_it(raw):
        with run_on_commit():
            message, _ = take(raw)
        message.refresh_from_db()
        return message.message

    return take_it


def test_a_colleague_s_mail_is_a_request_once(ada, came):
    said = came(mail())
    item = Request.objects.get()
    assert said == f"Became {item.reference}."
    assert (item.requester, item.source) == (ada, "mail")
    assert item.title == "Gate camera misreads plates"
    assert item.problem == "The gate reads plates wrongly when it rains."
    assert came(mail()) == said
    assert Request.objects.count() == 1
    assert InboundMessage.objects.get().times == 2
    assert InboundMessage.objects.get().body == ""


def test_pictures_come_along_and_programs_do_not(ada, came):
    came(mail(files=[("yard.png", PNG), ("run.exe", b"MZ\x90")]))
    assert list(Attachment.objects.values_list("name", flat=True)) == ["yard.png"]
    assert "[Not taken: “run.exe” is not taken" in Request.objects.get().problem


@pytest.mark.parametrize("way", ["thread", "number"])
def test_a_reply_is_a_word_on_its_request(ada, pm, item, came, run_on_commit, way):
    with run_on_commit():
        comment_on_request(item=item, actor=pm, body="Which gate?")
    notice = Notice.objects.get(recipient=ada, kind="request.commented")
    more = {"In_Reply_To": f"<notice-{notice.pk}-{notice.event_id}@harbourline.example>"}
    said = came(
        mail(
            "The north one.\n\nOn Mon, 23 Nov 2026 at 08:00 ProductHub wrote:\n> Which gate?",
            subject="Re: news" if way == "thread" else f"AW: [ProductHub] {item.reference} news",
            **(more if way == "thread" else {}),
        )
    )
    assert said == f"Said on {item.reference}."
    comment = Comment.objects.get(author=ada)
    assert (comment.body, comment.request) == ("The north one.", item)
    assert Request.objects.count() == 1


def test_a_reply_to_a_question_answers_it(ada, pm, triaged, came):
    ask_requester(item=triaged, actor=pm, question="Which gate?")
    said = came(mail("North.", subject=f"Re: {triaged.reference}", files=[("yard.png", PNG)]))
    assert said == f"Answers {triaged.reference}."
    triaged.refresh_from_db()
    assert triaged.asked_at is None
    assert Comment.objects.filter(kind=Comment.Kind.ANSWER, body="North.").exists()
    assert Attachment.objects.get().request == triaged


def test_a_number_opens_nothing_that_its_author_may_not_see(outsider, came):
    hidden = make_request(visibility="private")
    came(mail(sender=outsider.email, subject=f"Re: {hidden.reference}"))
    assert not Comment.objects.exists()
    assert Request.objects.exclude(pk=hidden.pk).get().requester == outsider


def test_a_strangers_mail_waits_for_review(came, pm, signed_in):
    install_forms()
    said = came(mail(sender="Eve <eve@haulier.example>"))
    assert said == "From an address that nobody here has: held for review."
    held = OpenSubmission.objects.get()
    assert (held.state, held.email, held.name) == ("held", "eve@haulier.example", "Eve")
    assert not Request.objects.exists()
    page = signed_in(pm).get("/requests/held/").content.decode()
    assert "Gate camera misreads plates" in page
    assert "eve@haulier.example" in page


def test_a_guest_may_go_on_about_the_own_request_only(came):
    eve = guest_for("eve@haulier.example", "Eve")
    item, other = make_request(eve), make_request()
    sender = "eve@haulier.example"
    assert came(mail(sender=sender, subject=f"Re: {item.reference}")).startswith("Said on")
    said = came(mail(sender=sender, subject=f"Re: {other.reference}", key="<b@x>"))
    assert said.endswith("held for review.")
    assert not other.comments.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"Return_Path": "<>"},
        {"List_Id": "<all.harbourline.example>"},
        {"X_Auto_Response_Suppress": "All"},
        {"sender": "Mail Delivery <MAILER-DAEMON@mx.example>"},
    ],
)
def test_robots_are_left_alone(ada, came, headers):
    assert came(mail(**headers)) == "An automatic answer: left alone."
    assert not Request.objects.exists()


def test_the_hub_does_not_talk_to_itself(came, settings):
    settings.DEFAULT_FROM_EMAIL = "ProductHub <hub@harbourline.example>"
    assert came(mail(sender="hub@harbourline.example")).endswith("left alone.")
    assert not Request.objects.exists()
    assert not OpenSubmission.objects.exists()


def test_a_leaver_says_nothing_here(ada, came):
    ada.is_active = False
    ada.save()
    assert came(mail()).endswith("left alone.")
    assert not Request.objects.exists()


def test_html_alone_is_read_as_text():
    made = EmailMessage()
    made["From"] = "ada@harbourline.example"
    made.set_content(
        "<p>Gate &amp; dock</p><script>alert(1)</script><p>second<br>line</p>", subtype="html"
    )
    assert read_mail(made.as_bytes()).text == "Gate & dock\nsecond\nline"


@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda t: t.encode()))
def test_no_bytes_are_too_odd(raw):
    for odd in (
        raw,
        b"From: a@b.c\nSubject: " + raw,
        b"Content-Type: text/plain; charset=x-none\n\n" + raw,
    ):
        read = read_mail(odd)
        assert read.key
        assert read.title
        assert "\x00" not in read.text + read.title + read.address


def test_too_large_a_mail_is_refused_in_words(db):
    with pytest.raises(TooLarge, match="25 MB"):
        take(b"x" * (25 * 1024 * 1024 + 1))


def test_a_mail_on_standard_input(ada, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(mail())))
    call_command("receive_mail")
    assert capsys.readouterr().out.startswith("Became REQ-")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(mail())))
    call_command("receive_mail")
    assert capsys.readouterr().out.startswith("It came before.")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b" \n")))
    with pytest.raises(CommandError, match="No mail came"):
        call_command("receive_mail")


@pytest.fixture
def box(settings):
    with FakeMailbox(password="p@ss") as box:
        settings.MAIL_IN_URL = box.url
        yield box


def test_the_mailbox_is_read_and_each_mail_marked_once(box, ada, run_on_commit):
    box.mails = [mail(), mail(key="<b@x>", subject="Another"), mail()]
    with run_on_commit():
        call_command("sync", "mail")
    run = SyncRun.objects.get()
    assert (run.status, run.seen, run.created, run.unchanged) == ("done", 3, 2, 1)
    assert box.seen == {1, 2, 3}
    assert Request.objects.count() == 2
    call_command("sync", "mail")
    assert SyncRun.objects.latest("id").message == "No mail."


def test_a_mail_that_was_not_marked_comes_again_and_makes_nothing_twice(box, ada, run_on_commit):
    box.mails, box.fails_on = [mail()], "STORE"
    with run_on_commit(), pytest.raises(CommandError, match="broke off"):
        call_command("sync", "mail")
    box.fails_on = ""
    with run_on_commit():
        call_command("sync", "mail")
    assert box.seen == {1}
    assert Request.objects.count() == 1


def test_a_refused_password_stops_all_runs_until_it_is_renewed(box, db, settings):
    settings.MAIL_IN_URL = box.url.replace("p%40ss", "old")
    with pytest.raises(CommandError, match="Renew it in MAIL_IN_URL"):
        call_command("sync", "mail")
    logins = box.logins
    from integrations.mail.sync import sync_mail

    assert sync_mail(trigger="schedule") is None
    assert box.logins == logins
    settings.MAIL_IN_URL = box.url
    call_command("sync", "mail")
    assert SourceState.objects.get().refused_credentials == ""


def test_a_mailbox_that_is_away_says_so(db, settings, box):
    box.close()
    with pytest.raises(CommandError, match="could not be reached"):
        call_command("sync", "mail")
    assert make_user() is not None
