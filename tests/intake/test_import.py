import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Role, User
from intake import importing as pure
from intake.models import Customer, ImportRow, ImportRun, Request, Vote
from intake.services import comment_on_request, edit_request, importing, vote_for_request
from notices.models import Notice
from planning.models import Decision
from tests.factories import make_user

FILE = """Record ID,Title,Description,Reporter,Created,Status,Tags,Area,Company,Votes by,Colour
rec1,Move deliveries in bulk,Planners moved 640 stops.,Ana <ana@example.com>,03/11/2025,Planned,\
"Depot, bulk",Dispatch,Nordlys,"bo@example.com, nonsense",red
rec2,Rate card editor,,,14/11/2025 09:30,Rejected,,Yard,,,
rec3,,No title,,2025-11-20,,,,,,
rec4,Late fees,Text,not a mail,31/12/2099,Odd state,,,,,
"""


def upload(text=FILE, name="requests.csv"):
    data = text if isinstance(text, bytes) else text.encode()
    return SimpleUploadedFile(name, data, content_type="text/csv")


def start(actor, text=FILE, system="Airtable"):
    return importing.start_import(upload=upload(text), system=system, actor=actor)


def tried(actor, run_on_commit, text=FILE, system="Airtable"):
    run = start(actor, text, system)
    with run_on_commit():
        importing.try_import(
            run=run, actor=actor, mapping=run.mapping, date_order=run.dialect["date_order"]
        )
    run.refresh_from_db()
    return run


def brought(actor, run_on_commit, text=FILE, system="Airtable"):
    run = tried(actor, run_on_commit, text, system)
    with run_on_commit():
        importing.confirm_import(run=run, actor=actor)
    run.refresh_from_db()
    return run


pytestmark = pytest.mark.django_db


# --- Reading ----------------------------------------------------------------------------------
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_table_is_read_however_its_tool_wrote_it(separator, encoding):
    rows = [["Id", "Name", "Name"], ["1", f"Gdańsk{separator} “x”".replace("ń", "n"), "two\nlines"]]
    text = "\r\n".join(separator.join(f'"{cell}"' for cell in row) for row in rows)
    table = pure.read_table(text.encode(encoding))
    assert table.columns == ["Id", "Name", "Name (2)"]
    assert table.lines[0][1] == rows[1]
    assert table.separator == separator


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"Id,Title\n", "no row below it"),
        (b"PK\x03\x04rest", "workbook"),
        (b"a,b\n" + b"1,2\n" * 25_002, "more than 25,000 rows"),
        (b",".join([b"x"] * 201) + b"\n1\n", "200 columns"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(data, said):
    with pytest.raises(pure.Unreadable, match=said):
        pure.read_table(data)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data):
    try:
        table = pure.read_table(data)
    except pure.Unreadable:
        return
    assert table.lines


def test_dates_are_read_in_the_order_of_the_file():
    assert pure.guess_date_order(["03/11/2025", "14/11/2025"]) == "dmy"
    assert pure.guess_date_order(["03/11/2025", "11/14/2025"]) == "mdy"
    zone = make_user().zone
    assert pure.read_moment("03/11/2025", "mdy", zone).month == 3
    assert pure.read_moment("2025-11-03T10:00:00Z", "mdy", zone).utcoffset().seconds == 0


# --- Trying and bringing in -------------------------------------------------------------------
def test_trying_writes_nothing_and_says_everything(opsadmin, team, run_on_commit):
    run = tried(opsadmin, run_on_commit)
    assert run.state == ImportRun.State.TRIED
    assert run.mapping["source_ref"] == "Record ID" and run.dialect["date_order"] == "dmy"
    assert not Request.objects.exists()
    assert run.counts == {"new": 2, "faulty": 2, "lost": 3}
    faults = {row.source_ref: [f["text"] for f in row.faults] for row in run.lines.all()}
    assert faults["rec3"] == ["Its one line is missing"]
    assert "It lies in the future" in faults["rec4"]
    assert "Enter a mail address like ana@example.com, or leave it empty" in faults["rec4"]
    lost = {row.source_ref: [one["text"] for one in row.lost] for row in run.lines.all()}
    assert "“nonsense” is no mail address" in lost["rec1"]
    assert "has no place in a request" in lost["rec1"]  # the colour
    assert "“Yard” is not known here" in lost["rec2"]


def test_it_brings_in_what_is_right_as_it_was(opsadmin, team, run_on_commit, mailoutbox):
    nordlys = Customer.objects.create(name="Nordlys")
    run = brought(opsadmin, run_on_commit)
    assert run.state == ImportRun.State.DONE
    one, two = Request.objects.order_by("number")
    assert (one.title, one.team, one.customer, one.labels) == (
        "Move deliveries in bulk", team, nordlys, ["depot", "bulk"],
    )  # fmt: skip
    assert one.requester.email == "ana@example.com" and one.requester.role == Role.GUEST
    assert (one.submitted_at.day, one.submitted_at.month) in {(2, 11), (3, 11)}
    assert (
        one.outcome == "do" and one.decision.reason == "Brought in from airtable without a reason."
    )
    assert Vote.objects.get(request=one).person.email == "bo@example.com"
    assert (two.outcome, two.problem) == ("no", "Rate card editor")
    assert not Notice.objects.exists() and not mailoutbox


def test_the_same_file_twice_brings_nothing_twice(opsadmin, team, run_on_commit):
    brought(opsadmin, run_on_commit)
    again = brought(opsadmin, run_on_commit)
    assert Request.objects.count() == 2
    assert again.counts["same"] == 2 and "new" not in again.counts


def test_another_system_has_ids_of_its_own(opsadmin, run_on_commit):
    brought(opsadmin, run_on_commit)
    brought(opsadmin, run_on_commit, system="Notion")
    assert Request.objects.count() == 4


def test_a_later_file_updates_but_keeps_what_was_changed_here(opsadmin, ada, run_on_commit):
    text = "Id,Title,Description\n1,First,Old words\n2,Second,Old words\n"
    brought(opsadmin, run_on_commit, text)
    mended = Request.objects.get(source_ref="2")
    edit_request(item=mended, actor=opsadmin, title="Second", problem="Words from here")
    run = brought(opsadmin, run_on_commit, text.replace("Old", "New"))
    assert Request.objects.get(source_ref="1").problem == "New words"
    assert Request.objects.get(source_ref="2").problem == "Words from here"
    assert run.counts["changed"] == 1
    kept = run.lines.get(source_ref="2").lost
    assert [one["text"] for one in kept] == ["was changed here since; kept as it is"]


def test_an_id_that_comes_twice_is_refused_in_the_second_row(opsadmin, run_on_commit):
    run = brought(opsadmin, run_on_commit, "Id,Title\n1,First\n1,Again\n")
    assert Request.objects.get().title == "First"
    assert (
        run.lines.get(result="faulty").faults[0]["text"] == "This id stands in an earlier row too"
    )


def test_a_worker_that_died_half_way_is_taken_up(opsadmin, run_on_commit, monkeypatch):
    text = "Id,Title\n" + "".join(f"{n},Wish {n}\n" for n in range(120))
    run = tried(opsadmin, run_on_commit, text)
    real = importing._write

    def dies(run, chunk, count=[]):  # noqa: B006
        count.append(1)
        if len(count) == 2:
            raise KeyboardInterrupt
        return real(run, chunk)

    monkeypatch.setattr(importing, "_write", dies)
    with pytest.raises(KeyboardInterrupt), run_on_commit():
        importing.confirm_import(run=run, actor=opsadmin)
    assert Request.objects.count() == 50
    ImportRun.objects.update(touched_at="2026-01-01T00:00Z")
    assert importing.stalled_runs() == [run.pk]
    monkeypatch.setattr(importing, "_write", real)
    importing.work(run.pk)
    run.refresh_from_db()
    assert run.state == ImportRun.State.DONE and run.counts["new"] == 120
    assert Request.objects.count() == 120


def test_taking_it_back_leaves_what_people_worked_on(opsadmin, pm, run_on_commit):
    text = "Id,Title,Status\n1,First,\n2,Second,Done\n3,Third,\n4,Fourth,\n"
    run = brought(opsadmin, run_on_commit, text)
    comment_on_request(item=Request.objects.get(source_ref="1"), actor=pm, body="Mine now.")
    vote_for_request(item=Request.objects.get(source_ref="3"), person=make_user())
    with run_on_commit():
        importing.undo_import(run=run, actor=opsadmin)
    run.refresh_from_db()
    assert run.state == ImportRun.State.UNDONE and run.counts["kept"] == 2
    assert set(Request.objects.values_list("source_ref", flat=True)) == {"1", "3"}
    assert not Decision.objects.exists()


def test_taking_an_update_back_restores_what_was(opsadmin, run_on_commit):
    text = "Id,Title,Description\n1,First,Old words\n"
    brought(opsadmin, run_on_commit, text)
    run = brought(opsadmin, run_on_commit, text.replace("Old", "New"))
    with run_on_commit():
        importing.undo_import(run=run, actor=opsadmin)
    assert Request.objects.get().problem == "Old words"


def test_the_mapping_is_kept_for_the_next_file(opsadmin, run_on_commit):
    run = start(opsadmin, "Nr,Was\n1,First\n")
    assert run.mapping == {}
    importing.try_import(
        run=run, actor=opsadmin, mapping={"source_ref": "Nr", "title": "Was"}, date_order="dmy"
    )
    assert start(opsadmin, "Was,Nr\nSecond,2\n").mapping == {"source_ref": "Nr", "title": "Was"}


# --- Pages ------------------------------------------------------------------------------------
def text_of(response):
    return response.content.decode()


def test_product_ops_walks_it_through(signed_in, opsadmin, run_on_commit):
    browser = signed_in(opsadmin)
    sent = browser.post(reverse("intake:import-new"), {"system": "Airtable", "file": upload()})
    assert sent.status_code == 303
    assert "Move deliveries" not in text_of(browser.get(sent.url))
    run = ImportRun.objects.get()
    act = reverse("intake:import-act", args=[run.pk])
    with run_on_commit():
        browser.post(act, {"do": "try", "date_order": "dmy", **run.mapping})
    page = text_of(browser.get(sent.url))
    assert "2 requests would be new" in page and "Bring in 2 requests" in page
    assert "Its one line is missing" in text_of(browser.get(f"{sent.url}?show=faulty"))
    with run_on_commit():
        browser.post(act, {"do": "bring"})
    assert "2 requests new" in text_of(browser.get(sent.url))
    report = b"".join(browser.get(reverse("intake:import-report", args=[run.pk])).streaming_content)
    assert "rec3" in report.decode() and "Its one line is missing" in report.decode()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"system": "", "file": upload()}, "Name the system"),
        ({"system": "x"}, "Choose the file again"),
        ({"system": "x", "file": upload(b"\x00\x01\x02")}, "no row below it"),
    ],
)
def test_a_bad_file_is_refused_beside_the_field(signed_in, opsadmin, fields, said):
    answer = signed_in(opsadmin).post(reverse("intake:import-new"), fields)
    assert answer.status_code == 422 and said in text_of(answer)


def test_one_column_fills_one_thing(signed_in, opsadmin):
    run = start(opsadmin)
    fields = {"do": "try", "date_order": "dmy", "source_ref": "Title", "title": "Title"}
    answer = signed_in(opsadmin).post(reverse("intake:import-act", args=[run.pk]), fields)
    assert answer.status_code == 409 and "is chosen twice" in text_of(answer)


def test_it_is_for_product_ops(signed_in, pm, ada, opsadmin):
    run = start(opsadmin)
    for person in (pm, ada):
        browser = signed_in(person)
        assert browser.get(reverse("intake:import-new")).status_code == 403
        for name in ("import", "import-report"):
            assert browser.get(reverse(f"intake:{name}", args=[run.pk])).status_code == 403
        assert browser.post(reverse("intake:import-act", args=[run.pk])).status_code == 403


def test_hostile_cells_are_stored_and_shown_as_text(signed_in, opsadmin, run_on_commit):
    rows = ["=cmd|' /C calc'!A0", "<script>x</script>", "\u202etxt", "😀" * 60, "{{ 7 }}", "a\x00b"]
    text = "Id,Title\n" + "".join(f'{n},"{row}"\n' for n, row in enumerate(rows))
    run = brought(opsadmin, run_on_commit, text)
    assert run.counts["new"] == len(rows)
    item = Request.objects.get(source_ref="1")
    page = text_of(signed_in(opsadmin).get(item.get_absolute_url()))
    assert "<script>x" not in page and "&lt;script&gt;x" in page
    assert User.objects.filter(role=Role.GUEST).count() == 0
    assert ImportRow.objects.filter(run=run).count() == len(rows)


def test_headers_that_repeat_are_told_apart():
    assert pure.read_table(b"a,a (2),a,\n1,2,3,4\n").columns == ["a", "a (2)", "a (3)", "Column 4"]
