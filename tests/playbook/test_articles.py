"""Playbook pages: written by Product Ops, read by those they are for."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.services import guest_for
from activity.models import Event
from hub.search import search
from playbook.models import BODY_LENGTH, Article
from playbook.selectors import summary_of
from playbook.services import save_article
from search.models import SearchEntry
from tests.factories import make_article

AT = datetime(2026, 11, 3, 9, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>&'


def text(response):
    return response.content.decode()


def kinds():
    return list(Event.objects.filter(kind__startswith="article.").values_list("kind", flat=True))


@pytest.fixture
def pages(db):
    """One page for each kind of reader, and a draft."""
    return {
        "everyone": make_article(
            "Launch checklist", "## Before\n\nAsk Support.\n\n## After\n\nTell."
        ),
        "pms": make_article("Score a launch", "RICE it.", visible_to="pms"),
        "product_ops": make_article("Budget of the launch", "Money.", visible_to="product_ops"),
        "draft": make_article("Unborn launch", "Not yet.", is_published=False),
    }


# --- Writing ----------------------------------------------------------------------------------


def test_publishing_is_an_event_without_words(opsadmin):
    page = make_article("Launch checklist", actor=opsadmin, at=AT)
    assert (page.author, page.updated_at) == (opsadmin, AT)
    event = Event.objects.get()
    assert (event.kind, event.actor_id, event.occurred_at) == ("article.published", opsadmin.pk, AT)
    assert event.data == {"visible_to": "everyone"} and "Launch" not in event.subject_label


def test_changes_name_the_fields_and_withdrawing_has_its_own_word(opsadmin):
    page = make_article(is_published=False)
    page.title = "Another title"
    save_article(article=page, actor=opsadmin)
    page.is_published = True
    save_article(article=page, actor=opsadmin)
    page.visible_to = "pms"
    save_article(article=page, actor=opsadmin)
    page.is_published = False
    save_article(article=page, actor=opsadmin)
    assert list(Event.objects.order_by("id").values_list("kind", "data")) == [
        ("article.changed", {"fields": []}),
        ("article.changed", {"fields": ["title"]}),
        ("article.published", {"visible_to": "everyone"}),
        ("article.changed", {"fields": ["visible_to"]}),
        ("article.withdrawn", {}),
    ]


def test_saving_the_same_again_is_nothing(opsadmin):
    page = make_article(at=AT)
    save_article(article=Article.objects.get(), actor=opsadmin)
    assert kinds() == ["article.published"]
    page.visible_to = "pms"
    save_article(article=page)
    assert Article.objects.get().updated_at == AT  # its words did not change


@pytest.mark.parametrize("who", ["ada", "pm"])
def test_only_product_ops_writes(who, request):
    with pytest.raises(PermissionDenied):
        make_article(actor=request.getfixturevalue(who))
    assert not Article.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"title": " "},
        {"title": "x" * 121},
        {"body": "x" * (BODY_LENGTH + 1)},
        {"body": "a\x00b"},
        {"title": "a\x00b"},
        {"slug": "no slug"},
        {"visible_to": "nobody"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_bad_fields_are_refused(db, fields):
    with pytest.raises(ValidationError):
        make_article(**{"title": "Title", "body": "Text", **fields})


def test_a_title_is_taken_once_whatever_its_case(db):
    make_article("Launch checklist")
    with pytest.raises(ValidationError, match="exists already"):
        make_article("LAUNCH checklist")


def test_the_text_engine_holds_what_is_published(db):
    page = make_article("Launch checklist", "# Big *words*")
    entry = SearchEntry.objects.get(kind="page", object_id=page.pk)
    assert (entry.title, entry.body) == ("Launch checklist", "Big words")
    page.is_published = False
    save_article(article=page)
    entry.refresh_from_db()
    assert entry.is_deleted and not entry.body
    draft = make_article(is_published=False)
    assert not SearchEntry.objects.filter(kind="page", object_id=draft.pk).exists()


# --- Reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("ada", ["everyone"]),
        ("pm", ["everyone", "pms"]),
        ("opsadmin", ["everyone", "pms", "product_ops", "draft"]),
        ("admin", ["everyone", "pms", "product_ops", "draft"]),
    ],
)
def test_each_reader_gets_what_is_for_them(who, seen, pages, request, signed_in):
    reader = request.getfixturevalue(who)
    browser = signed_in(reader)
    home = text(browser.get("/playbook/"))
    found = text(browser.get("/search/", {"q": "launch"}))
    for name, page in pages.items():
        is_seen = name in seen
        assert browser.get(page.get_absolute_url()).status_code == (200 if is_seen else 404), name
        assert (page.title in home) == is_seen, name
        is_found = is_seen and name != "draft"
        assert (page.get_absolute_url() in found) == is_found, name
    published = [name for name in seen if name != "draft"]
    assert search(reader, "launch", kind="pages").found == len(published)


def test_guests_leavers_and_strangers_read_nothing(pages, ada, client):
    guest = guest_for("gwen@customer.example")
    ada.is_active = False
    for reader in (guest, ada):
        assert not Article.objects.visible_to(reader).exists()
        assert not Article.objects.open_to(reader).exists()
    assert client.get("/playbook/").status_code == 302
    assert client.get(pages["everyone"].get_absolute_url()).status_code == 302


def test_a_spelling_is_never_taken_from_a_page_one_may_not_read(pages, ada, pm):
    make_article("Quarterly xylophone", visible_to="pms")
    assert search(pm, "xylophne").corrected == "xylophone"
    assert search(ada, "xylophne").corrected == ""


def test_a_page_has_contents_changes_and_author(pages, ada, opsadmin, signed_in):
    page = pages["everyone"]
    page.author = opsadmin
    save_article(article=page)
    shown = text(signed_in(ada).get(page.get_absolute_url()))
    assert '<h2 id="h-before">Before</h2>' in shown and 'href="#h-after"' in shown
    assert "Ines Carvalho" in shown and "Changed" in shown
    assert "/admin/" not in shown
    editor = text(signed_in(opsadmin).get(page.get_absolute_url()))
    assert f"/admin/playbook/article/{page.pk}/change/" in editor


def test_drafts_and_narrow_pages_say_so(pages, opsadmin, signed_in):
    browser = signed_in(opsadmin)
    assert "This is a draft" in text(browser.get(pages["draft"].get_absolute_url()))
    assert "Product managers</span>" in text(browser.get(pages["pms"].get_absolute_url()))


def test_the_box_finds_words_of_title_and_text(pages, ada, signed_in):
    browser = signed_in(ada)
    found = text(browser.get("/playbook/", {"q": "support"}, headers={"HX-Request": "true"}))
    assert found.startswith('<div id="pages" data-said="1 page for “support”"')
    assert "<mark>Launch</mark> checklist" in text(browser.get("/playbook/?q=launch"))
    assert "No page has “walrus”" in text(browser.get("/playbook/?q=walrus"))
    assert "All pages" in text(browser.get("/playbook/?q=%20"))


def test_search_marks_quotes_and_counts_pages(pages, ada, signed_in):
    shown = text(signed_in(ada).get("/search/", {"q": "support"}))
    assert "Ask <mark>Support</mark>" in shown and 'id="r-pages"' in shown
    palette = signed_in(ada).get(
        "/search/palette/", {"q": "launch"}, headers={"HX-Request": "true"}
    )
    assert pages["everyone"].get_absolute_url() in text(palette)


def test_nothing_hostile_gets_through(ada, signed_in):
    page = make_article(HOSTILE, f"# {HOSTILE}\n\n{HOSTILE} walrus [x](javascript:alert(1))")
    for path in ("/playbook/", "/playbook/?q=walrus", page.get_absolute_url(), "/search/?q=walrus"):
        shown = text(signed_in(ada).get(path))
        assert "<script>alert" not in shown and 'href="javascript' not in shown, path
        assert "&lt;script&gt;" in shown, path


@pytest.mark.parametrize("page", ["0", "-1", "x", "999", "²", "9" * 30])
def test_any_page_number_is_answered(pages, ada, signed_in, page):
    assert signed_in(ada).get("/playbook/", {"page": page}).status_code == 200


def test_an_empty_playbook_says_what_comes(ada, opsadmin, signed_in):
    assert "Product Ops writes the first one" in text(signed_in(ada).get("/playbook/"))
    assert "Add a page" in text(signed_in(opsadmin).get("/playbook/"))


def test_pages_cost_few_queries(pages, ada, opsadmin, signed_in, django_assert_max_num_queries):
    for number in range(20):
        make_article(f"Another launch {number}")
    for reader in (ada, opsadmin):
        browser = signed_in(reader)
        browser.get("/playbook/")
        for path in ("/playbook/", "/playbook/?q=launch", pages["everyone"].get_absolute_url()):
            with django_assert_max_num_queries(7):
                browser.get(path)


@pytest.mark.parametrize(
    ("opening", "summary"),
    [
        ("# Head\n\nFirst *words*.\n\nMore.", "First words."),
        ("One line", "One line"),
        ("", ""),
        ("## Only a heading", ""),
        ("word " * 100, "word " * 31 + "word…"),
    ],
)
def test_a_summary_is_the_first_paragraph(opening, summary):
    assert summary_of(opening) == summary


# --- Admin ------------------------------------------------------------------------------------


def form(**changes):
    return {
        "title": "New page",
        "slug": "new-page",
        "body": "Text",
        "visible_to": "everyone",
    } | changes


def test_product_ops_writes_in_admin(opsadmin, signed_in):
    desk = signed_in(opsadmin)
    assert desk.post("/admin/playbook/article/add/", form()).status_code == 302
    page = Article.objects.get()
    assert (page.author, page.is_published) == (opsadmin, False)
    change = f"/admin/playbook/article/{page.pk}/change/"
    shown = text(desk.get(change))
    assert "Preview the draft" in shown and 'href="/playbook/new-page/"' in shown
    desk.post(change, form(is_published="on", author=opsadmin.pk))
    assert kinds() == ["article.published", "article.changed"]
    assert "Open the page" in text(desk.get("/admin/playbook/article/"))


def test_admin_says_what_does_not_fit(opsadmin, signed_in):
    shown = signed_in(opsadmin).post("/admin/playbook/article/add/", form(body="a\x00b"))
    assert shown.status_code == 200 and "Null characters are not allowed" in text(shown)


def test_pages_are_withdrawn_not_deleted(admin, pages, signed_in):
    path = f"/admin/playbook/article/{pages['everyone'].pk}/delete/"
    assert signed_in(admin).post(path, {"post": "yes"}).status_code == 403
