"""Every address with every role: nothing breaks, and nobody reads what is not for them."""

import re

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from intake.models import Request
from intake.services import (
    comment_on_request,
    decide_request,
    merge_requests,
    note_likely,
    triage_request,
    vote_for_request,
)
from tests.factories import make_request

pytestmark = pytest.mark.django_db

# What only its requester and PMs may read: a title, a problem, a case, a reason, a note.
SECRETS = ("Zebraharness", "Quaggabridle", "Okapisaddle", "Giraffereins", "Lemurstirrup")
WORDS = " ".join(SECRETS)


@pytest.fixture
def hidden(ada, pm, team):
    """A private request with everything that can hang on one, and its public neighbours."""
    item = make_request(
        ada,
        title="Zebraharness for every depot",
        problem="The Quaggabridle broke twice.",
        visibility="private",
        team=team,
        labels=["zebraharness"],
    )
    vote_for_request(item=item, person=pm, case="Okapisaddle, says the customer.")
    twin = make_request(ada, title="Zebraharness again", visibility="private", team=team)
    open_one = make_request(ada, title="Depot harness", problem="The bridle broke.", team=team)
    comment_on_request(item=open_one, actor=pm, body="Lemurstirrup is at stake.", is_internal=True)
    note_likely(item=item, found=[(open_one.pk, 0.9, ["harness"], False)])
    merge_requests(items=[twin], into=item, actor=pm)
    triage_request(item=item, actor=pm, team=team, owner=pm)
    decide_request(item=item, actor=pm, outcome="do", reason="Giraffereins cost less.")
    return [item, twin, open_one]


def made(route, numbers):
    """The addresses of one route, its arguments filled with what exists."""
    for number in numbers:
        filled = re.sub(r"<int:[^>]+>", str(number), route)
        filled = re.sub(r"<uuid:[^>]+>", "00000000-0000-0000-0000-000000000001", filled)
        filled = re.sub(r"<[^>]+>", "dispatch", re.sub(r"\(\?P<[^>]+>[^)]*\)", str(number), filled))
        yield re.sub(r"[\^$?]|\\Z|\(.*?\)", "", filled).replace("\\", "")


def addresses(numbers, resolver=None, before="/"):
    for entry in (resolver or get_resolver()).url_patterns:
        for filled in made(str(entry.pattern), numbers):
            if isinstance(entry, URLResolver):
                yield from addresses(numbers, entry, before + filled)
            elif isinstance(entry, URLPattern):
                yield before + filled


def skipped(address):
    return "logout" in address or address.startswith(("/admin/", "/static/"))


QUERIES = (
    "/search/?q=quaggabridle", "/search/palette/?q=zebraharness", "/search/?q=harness&k=requests",
    "/search/?q=REQ-{}", "/requests/new/?title=Zebra+harness+for+every+depot",
    "/decisions/?q=giraffereins", "/triage/?view=duplicates", "/requests/mine/?tab=followed",
)  # fmt: skip


@pytest.mark.parametrize("who", ["nobody", "outsider", "leaver"])
def test_no_address_tells_what_is_hidden(who, client, outsider, signed_in, hidden, team):
    numbers = sorted({item.number for item in hidden} | {item.pk for item in hidden} | {1})
    browser = client if who == "nobody" else signed_in(outsider)
    if who == "leaver":
        outsider.is_active = False
        outsider.save(update_fields=["is_active"])
    browser.raise_request_exception = False
    walked = {address for address in addresses(numbers) if not skipped(address)}
    walked |= {query.format(hidden[0].number) for query in QUERIES}
    told = []
    for address in sorted(walked):
        for headers in ({}, {"HX-Request": "true"}):
            answer = browser.get(address, headers=headers)
            assert answer.status_code < 500, address
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            text = body.decode(errors="replace").lower()
            own = address.lower()
            told += [
                (address, secret)
                for secret in SECRETS
                if secret.lower() in text and secret.lower() not in own
            ]
    assert told == []
    assert len(walked) > 120


def test_no_form_tells_it_either(outsider, signed_in, hidden):
    browser = signed_in(outsider)
    browser.raise_request_exception = False
    typed = {"title": WORDS, "problem": WORDS, "q": WORDS, "form": "idea", "kind": "idea"}
    for address in sorted(set(addresses([hidden[0].number, hidden[0].pk]))):
        if skipped(address) or not address.startswith(("/requests/", "/triage/", "/search/")):
            continue
        answer = browser.post(address, typed)
        assert answer.status_code < 500, address
        text = answer.content.decode(errors="replace")
        for sentence in ("Zebraharness for every depot", "broke twice", "says the customer"):
            assert sentence not in text, address
    item = Request.objects.get(pk=hidden[0].pk)
    assert (item.vote_count, item.comments.count()) == (1, 0)  # nobody got in


@pytest.mark.parametrize("who", ["ada", "pm", "opsadmin", "admin"])
def test_no_address_breaks_for_those_who_may(who, request, signed_in, hidden):
    person = request.getfixturevalue(who)
    browser = signed_in(person)
    browser.raise_request_exception = False
    numbers = sorted({item.number for item in hidden} | {1})
    for address in sorted(set(addresses(numbers))):
        if "logout" not in address:
            assert browser.get(address).status_code < 500, address


def test_a_reader_without_rights_is_told_of_no_number(outsider, signed_in, hidden):
    """Counts too: what may not be seen is not counted."""
    page = signed_in(outsider).get("/search/?q=harness").content.decode()
    assert "Depot harness" in page.replace("<mark>", "").replace("</mark>", "")
    assert "2 results" not in page and "3 results" not in page
