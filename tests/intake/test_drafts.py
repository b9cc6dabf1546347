"""A07: drafts save themselves, come back, are sent once; what is left behind is counted."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from activity.models import Event
from intake import services
from intake.models import Draft, DuplicatePair, FormVersion, IntakeForm, Request
from intake.tasks import abandon_drafts
from tests.factories import make_request, make_user

pytestmark = pytest.mark.django_db
NEW = "/requests/new/"
SAVE = "/requests/drafts/save/"
WORDS = {"title": ["Photos are lost"], "problem": ["Drivers take them twice."]}


def text(response):
    return response.content.decode()


def version(slug="idea"):
    return FormVersion.objects.get(form__slug=slug, form__version__pk=models_pk(slug))


def models_pk(slug):
    return IntakeForm.objects.get(slug=slug).version_id


def save(person, key, typed=WORDS, slug="idea", **more):
    return services.save_draft(person=person, key=key, version=version(slug), typed=typed, **more)


def kinds(draft):
    found = Event.objects.filter(subject_type="intake.draft", subject_id=draft.pk)
    return list(found.order_by("pk").values_list("kind", flat=True))


class TestSaving:
    def test_the_first_word_begins_it(self, ada):
        key = uuid.uuid4()
        assert save(ada, key, {"title": ["  "], "team": [""]}) is None
        assert not Draft.objects.exists()
        draft = save(ada, key, field="title", touched=["title", "bogus"])
        assert (draft.key, draft.person, draft.last_field) == (key, ada, "title")
        assert draft.touched == ["title", "problem"]
        assert kinds(draft) == ["draft.begun"]
        assert Event.objects.get(kind="draft.begun").data == {"form": draft.form_id}

    def test_saving_again_keeps_one_draft_and_one_event(self, ada):
        key = uuid.uuid4()
        save(ada, key)
        draft = save(ada, key, {**WORDS, "title": ["Changed"]})
        assert Draft.objects.get().data["title"] == ["Changed"]
        assert kinds(draft) == ["draft.begun"]

    def test_a_later_save_of_an_older_copy_is_refused_with_words(self, ada):
        key = uuid.uuid4()
        first = save(ada, key, tab="one")
        seen = services.stamp(first)
        save(ada, key, {"title": ["From the second tab"]}, tab="two", seen=seen)
        with pytest.raises(services.StaleDraft, match="another tab"):
            save(ada, key, {"title": ["From the first tab"]}, tab="one", seen=seen)
        assert Draft.objects.get().data["title"] == ["From the second tab"]
        save(ada, key, {"title": ["Mine"]}, tab="one", seen=seen, overwrite=True)
        assert Draft.objects.get().data["title"] == ["Mine"]

    def test_one_tab_never_stands_in_its_own_way(self, ada):
        key = uuid.uuid4()
        save(ada, key, tab="one")
        assert save(ada, key, {"title": ["Next"]}, tab="one", seen="").data["title"] == ["Next"]

    def test_it_is_the_person_s_alone(self, ada, outsider, signed_in):
        key = uuid.uuid4()
        save(ada, key)
        with pytest.raises(PermissionDenied):
            save(outsider, key, {"title": ["Mine now"]})
        browser = signed_in(outsider)
        assert browser.get(f"{NEW}?draft={key}").status_code == 404
        posted = {"submission_key": str(key), "title": "Mine now"}
        assert browser.post(SAVE, posted).status_code == 204
        assert browser.post(f"/requests/drafts/{key}/discard/").status_code == 404
        assert Draft.objects.get().data["title"] == ["Photos are lost"]

    def test_odd_texts_are_kept(self, ada):
        odd = "NUL\x00 مرحبا 🚚 <script> ²"
        draft = save(ada, uuid.uuid4(), {"title": [odd]})
        draft.refresh_from_db()
        assert draft.data["title"] == [odd.replace("\x00", "")]

    def test_too_much_is_refused_with_a_sentence(self, ada):
        with pytest.raises(services.RequestError, match="too long"):
            save(ada, uuid.uuid4(), {"title": ["x" * 300_000]})

    @pytest.mark.django_db(transaction=True)
    def test_two_saves_at_once_make_one_draft(self):
        person, key, barrier = make_user(), uuid.uuid4(), threading.Barrier(2)
        wanted = version()

        def post(word):
            try:
                barrier.wait()
                services.save_draft(
                    person=person, key=key, version=wanted, typed={"title": [word]}, tab="t"
                )
            finally:
                connection.close()

        threads = [threading.Thread(target=post, args=[word]) for word in ("One", "Two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Draft.objects.count() == 1
        assert Event.objects.filter(kind="draft.begun").count() == 1


class TestPages:
    def test_it_says_when_it_saved_and_comes_back(self, ada, team, signed_in):
        browser, key = signed_in(ada), str(uuid.uuid4())
        posted = {
            "form": "help", "submission_key": key, "tab": "a", "title": "Access <b>",
            "help_with": "access", "team": "dispatch", "for_whom": "otto", "field": "title",
        }  # fmt: skip
        response = browser.post(SAVE, posted)
        assert "Saved at " in text(response) and 'name="saved"' in text(response)
        page = text(browser.get(f"{NEW}?draft={key}"))
        assert 'value="Access &lt;b&gt;"' in page and 'value="help" checked' in page
        assert 'value="access" id="id_help_with_0" checked' in page or "checked" in page
        assert '<option value="dispatch" selected>' in page and 'value="otto"' in page
        assert "Throw this draft away" in page

    def test_it_is_offered_on_the_new_page(self, ada, outsider, signed_in):
        draft = save(ada, uuid.uuid4())
        page = text(signed_in(ada).get(NEW))
        assert "Go on where you stopped" in page and f"?draft={draft.key}" in page
        assert "Go on where you stopped" not in text(signed_in(outsider).get(NEW))

    def test_a_stale_tab_is_told_and_can_decide(self, ada, signed_in):
        browser, key = signed_in(ada), str(uuid.uuid4())
        first = {"submission_key": key, "tab": "one", "title": "First words"}
        browser.post(SAVE, first)
        seen = services.stamp(Draft.objects.get())
        browser.post(SAVE, {**first, "tab": "two", "saved": seen, "title": "Second words"})
        late = {**first, "title": "First words, longer"}
        for address, more in ((SAVE, {}), (NEW, {"draft": "1"})):
            refused = browser.post(address, {**late, **more})
            assert refused.status_code == 409 and "in another tab" in text(refused)
        assert "First words, longer" in text(refused)
        assert Draft.objects.get().data["title"] == ["Second words"]
        browser.post(SAVE, {**late, "overwrite": "1"})
        assert Draft.objects.get().data["title"] == ["First words, longer"]

    def test_the_button_saves_without_scripts(self, ada, signed_in):
        browser, key = signed_in(ada), str(uuid.uuid4())
        posted = {"submission_key": key, "title": "Half a thought", "draft": "1"}
        response = browser.post(NEW, posted, follow=True)
        assert response.redirect_chain[0][0] == f"{NEW}?draft={key}"
        assert "Draft saved" in text(response) and "Half a thought" in text(response)
        empty = browser.post(NEW, {"draft": "1"}, follow=True)
        assert "nothing to save yet" in text(empty)

    def test_it_can_be_thrown_away(self, ada, signed_in):
        draft = save(ada, uuid.uuid4())
        response = signed_in(ada).post(f"/requests/drafts/{draft.key}/discard/", follow=True)
        assert "The draft is thrown away." in text(response)
        draft.refresh_from_db()
        assert (draft.state, draft.data) == (Draft.State.DISCARDED, {})
        assert kinds(draft) == ["draft.begun", "draft.discarded"]

    def test_switching_forms_and_back_loses_nothing(self, ada, signed_in):
        browser, key = signed_in(ada), str(uuid.uuid4())
        there = {
            "form": "data", "switch": "1", "version": models_pk("help"), "submission_key": key,
            "title": "T", "help_with": "access", "tool": "Only the help form asks this",
        }  # fmt: skip
        browser.post(NEW, there)
        back = {**there, "form": "help", "version": models_pk("data")}
        back.pop("tool"), back.pop("help_with")
        assert "Only the help form asks this" in text(browser.post(NEW, back))

    @pytest.mark.parametrize("value", ["\x00", "²", "not-a-key", "9" * 40, "<script>"])
    def test_odd_keys_break_nothing(self, ada, signed_in, value):
        browser = signed_in(ada)
        for name in ("submission_key", "saved", "tab", "field", "touched", "version", "form"):
            posted = {"title": "Some words here", name: value}
            for address in (SAVE, NEW, "/requests/similar/", "/requests/drafts/dismiss/"):
                assert browser.post(address, posted).status_code < 500, (name, address)


class TestSending:
    def test_one_draft_makes_one_request(self, ada, signed_in):
        browser, key = signed_in(ada), str(uuid.uuid4())
        posted = {"submission_key": key, "title": "Photos are lost", "problem": "Every day."}
        browser.post(SAVE, posted)
        first, second = browser.post(NEW, posted), browser.post(NEW, posted)
        item = Request.objects.get()
        assert first["Location"] == second["Location"] == item.get_absolute_url()
        draft = Draft.objects.get()
        assert (draft.state, draft.request, draft.data) == (Draft.State.SENT, item, {})
        assert kinds(draft) == ["draft.begun", "draft.sent"]
        event = Event.objects.get(kind="draft.sent")
        assert event.data == {"form": draft.form_id, "request": item.pk}
        assert browser.get(f"{NEW}?draft={key}")["Location"] == item.get_absolute_url()

    def test_what_was_sent_is_not_written_on(self, ada, signed_in):
        browser, key = signed_in(ada), str(uuid.uuid4())
        posted = {"submission_key": key, "title": "Photos are lost", "problem": "Every day."}
        browser.post(NEW, posted)
        response = browser.post(SAVE, {**posted, "title": "And more"})
        assert response.status_code == 409 and "sent already" in text(response)

    def test_sent_without_a_draft_it_counts_as_begun_too(self, ada, signed_in):
        signed_in(ada).post(NEW, {"title": "Photos are lost", "problem": "Every day."})
        assert kinds(Draft.objects.get()) == ["draft.begun", "draft.sent"]

    def test_not_the_same_is_remembered_for_triage(self, ada, outsider):
        other = make_request(outsider)
        draft = save(ada, uuid.uuid4())
        services.dismiss_suggestion(draft=draft, item=other)
        services.dismiss_suggestion(draft=draft, item=other)
        item = services.send_draft(
            author=ada, requester=ada, key=draft.key, version=version(), typed=WORDS,
            fields={"title": "Photos are lost", "problem": "Twice."}, answers={},
        )  # fmt: skip
        pair = DuplicatePair.objects.get()
        assert {pair.low_id, pair.high_id} == {item.pk, other.pk}
        assert pair.state == DuplicatePair.State.DISMISSED
        assert kinds(draft).count("suggestion.dismissed") == 1


class TestLeftBehind:
    def test_after_a_day_it_counts_as_left_with_its_last_field(self, ada):
        day_ago = timezone.now() - timedelta(hours=25)
        old = save(ada, uuid.uuid4(), field="problem", at=day_ago)
        young = save(ada, uuid.uuid4())
        abandon_drafts()
        abandon_drafts()
        states = dict(Draft.objects.values_list("pk", "state"))
        assert states == {old.pk: Draft.State.ABANDONED, young.pk: Draft.State.OPEN}
        event = Event.objects.get(kind="draft.abandoned")
        assert event.data == {"form": old.form_id, "field": "problem"}

    def test_it_can_still_be_taken_up(self, ada):
        old = save(ada, uuid.uuid4(), at=timezone.now() - timedelta(days=3))
        abandon_drafts()
        save(ada, old.key, {**WORDS, "title": ["On it goes"]})
        old.refresh_from_db()
        assert old.state == Draft.State.OPEN
        assert kinds(old) == ["draft.begun", "draft.abandoned", "draft.resumed"]

    def test_words_that_nobody_needs_are_erased(self, ada):
        long_ago = timezone.now() - timedelta(days=100)
        old = save(ada, uuid.uuid4(), at=long_ago)
        abandon_drafts()
        old.refresh_from_db()
        assert old.data == {} and old.last_field == "problem"
