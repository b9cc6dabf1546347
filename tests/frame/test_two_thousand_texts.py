"""Two thousand hostile or odd texts: stored or refused in words, shown as letters, safe to export.

Every text goes through what does not need HTTP; a sample of 150 goes through the pages.
"""

import csv
import io
from unicodedata import category

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from accounts.services import guest_for
from hub.search import search
from intake.forms import CommentForm
from intake.models import Comment, Request
from intake.services import comment_on_request
from playbook.models import Article
from playbook.selectors import answers_for, pages_for, summary_of
from producthub.lib.csv import csv_lines, is_formula
from producthub.lib.markdown import to_html, to_text
from search.models import SearchEntry
from search.queries import parse
from search.services import Row, index_many
from tests.factories import make_article, make_request
from tests.hostile import COUNT, LONG, alive_in, arriving, as_form, texts

FORM = "application/x-www-form-urlencoded"
ALL = texts()
ARRIVED = [arriving(text) for text in ALL]
# Every thirteenth, and all the long ones: each kind is among them.
SAMPLE = [*LONG, *ALL[len(LONG) :: 15]][:150]
SHORT = [text for text in SAMPLE if len(text) < 2000]


def shown(response) -> str:
    return response.content.decode()


def test_the_corpus_is_what_it_says():
    assert len(ALL) == len(set(ALL)) == COUNT and texts() == ALL
    together = "".join(ALL)
    for part in (
        "\x00",
        "\ud800",
        "\u202e",
        "{{",
        "DROP TABLE",
        "=cmd",
        "../",
        "²",
        "👩‍💻",
        "\u0301",
    ):
        assert part in together, ascii(part)
    assert max(map(len, ALL)) >= 1_048_576 and len(SAMPLE) == 150


# --- All of them, where no page is needed -----------------------------------------------------


def test_all_are_stored_as_comments_or_refused_in_words(ada, team):
    item = make_request(ada, team=team)
    stored = refused = 0
    for text in ARRIVED:
        form = CommentForm({"body": text})
        if not form.is_valid():
            assert all(len(str(error)) > 10 for error in form.errors["body"])
            refused += 1
        elif stored % 8:
            stored += 1
        else:
            said = comment_on_request(item=item, actor=ada, body=form.cleaned_data["body"])
            said.refresh_from_db()
            assert said.body == form.cleaned_data["body"]
            stored += 1
    assert stored > 1500 and refused > 50 and stored + refused == COUNT


def test_the_text_engine_keeps_all_of_them(db):
    index_many(Row("page", number, text, text) for number, text in enumerate(ALL, start=1))
    assert SearchEntry.objects.filter(kind="page").count() == COUNT


def test_all_can_be_looked_for(ada, db):
    make_article("Move deliveries", "Words to be found.")
    statements = []
    for number, text in enumerate(ARRIVED):
        query = parse(text)
        assert len(query.text) <= 200 and "\x00" not in query.text
        assert not alive_in(query.mark(text[:5000])) and not alive_in(query.snippet(text[:5000]))
        if not query.is_empty and number % 3 == 0:
            statements.append(pages_for(ada, query).query.sql_with_params())
    with connection.cursor() as cursor:
        for sql, values in statements:
            cursor.execute(sql, values)
    assert len(statements) > 500


def test_all_are_shown_as_letters():
    for text in ARRIVED:
        assert not alive_in(to_html(text)), ascii(text[:80])
        assert not alive_in(f"<p>{to_html(to_text(text))}</p>")
        summary_of(text[:600])


def test_all_are_exported_and_none_runs():
    body = "".join(csv_lines(["Text"], ([text] for text in ALL)))
    csv.field_size_limit(2_000_000)
    back = list(csv.reader(io.StringIO(body.removeprefix("\ufeff"), newline="")))
    assert len(back) == COUNT + 1
    assert not [row for row in back if is_formula("".join(row))]
    for text, row in zip(ALL, back[1:], strict=True):
        kept = text.encode("utf-8", "replace").decode().replace("\x00", "")
        assert "".join(row).removeprefix("'") == kept.removeprefix("'")


def test_all_are_names_and_none_is_an_address(db):
    for number, text in enumerate(ARRIVED[::10]):
        guest = guest_for(f"guest{number}@customer.example", text)
        assert 0 < len(guest.name) <= 120
        assert not {category(letter) for letter in guest.name} & {"Cc", "Cf", "Zl", "Zp"}
        with pytest.raises(ValidationError), transaction.atomic():
            guest_for(text, "Gwen")


# --- A sample, through the pages --------------------------------------------------------------


def test_comments_by_http(ada, team, signed_in):
    item = make_request(ada, team=team)
    browser = signed_in(ada)
    path = f"/requests/{item.number}/comment/"
    for text in SAMPLE:
        answer = browser.post(path, as_form(body=text), content_type=FORM)
        assert answer.status_code in (303, 422), ascii(text[:80])
        if answer.status_code == 422:
            assert 'class="summary' in shown(answer), ascii(text[:80])
            assert not alive_in(shown(answer))
    assert Comment.objects.count() > 80
    page = browser.get(item.get_absolute_url())
    assert page.status_code == 200 and not alive_in(shown(page))


def test_requests_by_http(ada, team, signed_in):
    browser = signed_in(ada)
    sent = 0
    for text in SAMPLE[:10] + SAMPLE[20::5]:
        body = as_form(form="idea", title=text, problem=text)
        answer = browser.post("/requests/new/", body, content_type=FORM)
        assert answer.status_code in (303, 422), ascii(text[:80])
        if answer.status_code == 422:
            assert 'class="summary' in shown(answer) and not alive_in(shown(answer))
        else:
            sent += 1
    assert Request.objects.count() == sent > 5
    for path in ("/requests/mine/", "/", "/search/?q=move"):
        assert not alive_in(shown(browser.get(path))), path
    for item in Request.objects.all()[:10]:
        assert not alive_in(shown(browser.get(item.get_absolute_url())))


def test_searches_by_http(ada, team, signed_in):
    make_request(ada, team=team)
    browser = signed_in(ada)
    for text in SHORT[::4]:
        query = as_form(q=text).decode()
        for path in ("/search/", "/playbook/"):
            answer = browser.get(f"{path}?{query[:4000]}")
            assert answer.status_code in (200, 400), ascii(text[:80])
            if answer.status_code == 400:
                assert "\x00" in text
            assert not alive_in(shown(answer))
        answers_for(ada, arriving(text))
        search(ada, arriving(text))


def test_pages_by_http(ada, opsadmin, signed_in):
    desk, browser = signed_in(opsadmin), signed_in(ada)
    for number, text in enumerate(SAMPLE[::4]):
        body = as_form(
            title=text[:200],
            body=text,
            slug=f"page-{number}",
            is_published="on",
            visible_to="everyone",
        )
        answer = desk.post("/admin/playbook/article/add/", body, content_type=FORM)
        assert answer.status_code in (200, 302), ascii(text[:80])
        if answer.status_code == 200:
            assert "errornote" in shown(answer)
    assert Article.objects.count() > 15
    for path in ["/playbook/", *(page.get_absolute_url() for page in Article.objects.all())]:
        answer = browser.get(path)
        assert answer.status_code == 200 and not alive_in(shown(answer)), path


def test_more_than_a_form_takes_is_refused_in_words(ada, team, signed_in):
    item = make_request(ada, team=team)
    body = as_form(body="🚚" * 1_000_000)
    answer = signed_in(ada).post(f"/requests/{item.number}/comment/", body, content_type=FORM)
    assert answer.status_code == 413
    assert "This is too long to send" in shown(answer) and "5 MB" in shown(answer)
