"""A request from Slack's modal: opened, kept up to date while it is filled in, sent once."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import QueryDict

from accounts.models import Team, User
from intake import asking, questions, services
from intake.models import FieldType, FormVersion, IntakeForm, MapsTo, Request
from intake.questions import Question
from intake.request_forms import VersionForm, form_class
from intake.suggestions import ASK_FIRST_CONFIDENCE, Suggestions, suggestions_for
from integrations.models import Source
from integrations.slack import modal, threads
from integrations.slack.client import SlackClient
from integrations.slack.messages import escape, link
from integrations.slack.modal import Meta
from integrations.slack.people import person_of

SLACK = Source.SLACK.value
# Keys of drafts: the same for the same view.
_KEYS = uuid.UUID("5b0f6f0a-5a39-4d39-9a30-1d5e3a1f7c11")
Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Writing:
    """What somebody has typed into a modal."""

    view_id: str
    forms: list[IntakeForm]
    chosen: IntakeForm
    version: FormVersion
    meta: Meta
    typed: dict[str, list[str]]

    @property
    def asked(self) -> tuple[Question, ...]:
        return questions.read(self.version.questions)

    @property
    def key(self) -> uuid.UUID:
        return uuid.uuid5(_KEYS, self.view_id)

    def part(self, part: str) -> str:
        """What is typed for one part of the request."""
        key = next((one.key for one in self.asked if one.maps_to == part), "")
        return " ".join(self.typed.get(key, ())).strip()

    def form(self) -> VersionForm:
        """The same form as on the web, with what is typed; files come later, on the page."""
        data = QueryDict(mutable=True)
        for key, values in self.typed.items():
            data.setlist(key, values)
        data["submission_key"] = str(self.key)
        form = form_class(self.version)(data)
        form.keep({one.key: [one] for one in self.asked if one.type == FieldType.FILE})
        return form

    def view(self, found: Suggestions | None = None, note: str = "") -> dict[str, Any]:
        """The modal as it should look now."""
        shown = [*self.meta.shown, *(found.ids if found else ())]
        meta = replace(
            self.meta,
            form=self.chosen.slug,
            version=self.version.pk,
            shown=tuple(dict.fromkeys(shown))[-100:],
        )
        return modal.build(
            forms=self.forms,
            chosen=self.chosen,
            asked=self.asked,
            meta=meta,
            typed=self.typed,
            teams=_teams(self.asked),
            found=found,
            base_url=settings.BASE_URL,
            note=note,
        )


def open_form(
    client: SlackClient, *, trigger_id: str, meta: Meta, title: str = "", problem: str = ""
) -> bool:
    """Open the first form at once; False where no form is offered. Raises UpstreamError.

    Who asks is looked up later: the trigger dies after three seconds.
    """
    forms = _offered()
    chosen = asking.form_for(forms)
    if chosen is None or chosen.version is None:
        return False
    writing = Writing("", forms, chosen, chosen.version, meta, {})
    for one in writing.asked:
        text = {MapsTo.TITLE.value: title, MapsTo.PROBLEM.value: problem}.get(one.maps_to, "")
        if text:
            writing.typed[one.key] = [text]
    client.call("views.open", trigger_id=trigger_id, view=writing.view())
    return True


def _offered() -> list[IntakeForm]:
    return asking.offered_forms(AnonymousUser())  # type: ignore[arg-type]


def _teams(asked: tuple[Question, ...]) -> list[tuple[str, str]]:
    if not any(one.type == FieldType.TEAM for one in asked):
        return []
    found = Team.objects.filter(takes_requests=True, is_active=True)
    return list(found.values_list("slug", "name")[: modal.OPTIONS_MAX])


def writing_of(view: Payload) -> Writing | None:
    """What a view holds; None where its form is not offered any more."""
    meta = modal.read_meta(view.get("private_metadata"))
    slug, typed = modal.typed_in(view)
    forms = _offered()
    chosen = asking.form_for(forms, slug=slug or meta.form)
    if chosen is None or chosen.version is None:
        return None
    version, words = chosen.version, modal.of_form(typed, chosen.slug)
    if chosen.slug == meta.form:
        # Theirs, though a newer one is out by now.
        if meta.version != version.pk:
            version = chosen.versions.filter(pk=meta.version).first() or version
    else:
        was = FormVersion.objects.filter(pk=meta.version).first()
        before = questions.read(was.questions) if was else ()
        after = questions.read(version.questions)
        asked = {one.key for one in after}
        moved = questions.carried(before, after, modal.of_form(typed, meta.form))
        words = {key: one for key, one in moved.items() if key in asked} | words
    view_id = str(view.get("root_view_id") or view.get("id") or "")
    return Writing(view_id, forms, chosen, version, meta, words)


def look(writing: Writing, person: User) -> Suggestions:
    """What may say the same, as far as the person may see it."""
    title = " ".join(writing.part(MapsTo.TITLE).split())
    return suggestions_for(person, title=title, body=writing.part(MapsTo.PROBLEM))


def refresh(client: SlackClient, payload: Payload, writing: Writing) -> None:
    """Show what now applies, and what is like the title. Raises UpstreamError."""
    user = payload["user"]
    person = person_of(client, str(user["id"]), name=str(user.get("name") or ""))
    view = payload["view"]
    client.call(
        "views.update",
        view_id=view["id"],
        hash=view.get("hash", ""),
        view=writing.view(look(writing, person)),
    )


def join(client: SlackClient, payload: Payload, writing: Writing, request_id: int) -> None:
    """Turn what is typed into a vote for a request that is there. Raises UpstreamError."""
    user, view = payload["user"], payload["view"]
    person = person_of(client, str(user["id"]), name=str(user.get("name") or ""))
    item = Request.objects.visible_to(person).filter(pk=request_id).first()
    if item is None:
        said = modal.closing("Not found", "This request is not there any more.")
    else:
        said = _joined(writing, person, item)
    client.call("views.update", view_id=view["id"], view=said)


def _joined(writing: Writing, person: User, item: Request) -> dict[str, Any]:
    words = {**writing.typed} or {"title": [item.title]}
    try:
        with transaction.atomic():
            draft = services.save_draft(
                person=person, key=writing.key, version=writing.version, typed=words
            )
            assert draft is not None
            top = services.join_request(
                draft=draft,
                item=item,
                person=person,
                title=writing.part(MapsTo.TITLE),
                case=writing.part(MapsTo.PROBLEM),
            )
    except services.DraftEnded as error:
        if error.draft.request_id is None:
            return modal.closing("Ended", escape(str(error)))
        top = error.draft.request or item
    except (services.RequestError, PermissionDenied) as error:
        return modal.closing("Not counted", escape(str(error)))
    where = link(settings.BASE_URL + top.get_absolute_url(), f"{top.reference} {top.title}")
    return modal.closing("Your voice counts", f"You are behind {where} now, and hear of its news.")


def submit(client: SlackClient, payload: Payload) -> dict[str, Any]:
    """Answer a submission: errors at the field, a look at what is like it, or nothing for sent.

    The same view makes one request, however often it is sent.
    """
    view, user = payload["view"], payload["user"]
    writing = writing_of(view)
    if writing is None or not writing.view_id:
        said = "This form is not offered any more. Open it again."
        return {"response_action": "update", "view": modal.closing("Closed", said)}
    sent = Request.objects.filter(source_system=SLACK, source_ref=writing.view_id)
    if sent.exists():
        return {"response_action": "clear"}
    form = writing.form()
    if not form.is_valid():
        return _faults(writing, form, view)
    person = person_of(client, str(user["id"]), name=str(user.get("name") or ""))
    if not person.is_active:
        return _at_title(writing, "Your account in ProductHub is closed. Ask Product Ops.")
    found = look(writing, person)
    is_sure = found.rows and found.confidence >= ASK_FIRST_CONFIDENCE
    if is_sure and not found.rows[0].is_mine and found.rows[0].item.pk not in writing.meta.shown:
        note = "Something like it is there already. Join it with +1, or press Send again."
        return {"response_action": "update", "view": writing.view(found, note)}
    try:
        _send(client, writing, form, person, str(user["id"]))
    except IntegrityError:
        if not sent.exists():
            raise
    except services.DraftEnded as error:
        return _at_title(writing, str(error))
    except (services.RequestError, PermissionDenied) as error:
        return _at_title(writing, str(error))
    return {"response_action": "clear"}


def _send(
    client: SlackClient, writing: Writing, form: VersionForm, person: User, user_id: str
) -> None:
    meta = writing.meta
    permalink = threads.permalink(client, meta.channel, meta.ts) if meta.ts else ""
    fields = form.request_fields()
    fields["team"] = fields.get("team") or writing.chosen.team
    if permalink and not fields.get("evidence_url"):
        fields["evidence_url"] = permalink
    fields |= {
        "kind": writing.chosen.kind,
        "visibility": writing.chosen.visibility,
        "source": SLACK,
        "source_system": SLACK,
        "source_ref": writing.view_id,
    }
    with transaction.atomic():
        item = services.send_draft(
            author=person,
            requester=person,
            key=writing.key,
            version=writing.version,
            typed=writing.typed,
            fields=fields,
            answers=form.answers(),
        )
        threads.begin(
            item,
            user_id=user_id,
            channel=meta.channel if meta.ts else "",
            ts=meta.thread or meta.ts,
            url=permalink,
        )


def _faults(writing: Writing, form: VersionForm, view: Payload) -> dict[str, Any]:
    """Errors at their fields; a field that is not on the modal yet is brought there first."""
    held = view.get("blocks")
    there = {
        str(block.get("block_id"))
        for block in (held if isinstance(held, list) else ())
        if isinstance(block, dict) and block.get("type") == "input"
    }
    told: dict[str, str] = {}
    title = _title_block(writing)
    for name, faults in form.errors.items():
        field = modal.block_id(writing.chosen.slug, name) if name in form.fields else title
        told[field] = "; ".join(str(fault) for fault in faults)
    if set(told) - there:
        return {"response_action": "update", "view": writing.view(note="Some answers are missing.")}
    return {"response_action": "errors", "errors": told}


def _title_block(writing: Writing) -> str:
    key = next((one.key for one in writing.asked if one.maps_to == MapsTo.TITLE), "")
    return modal.block_id(writing.chosen.slug, key)


def _at_title(writing: Writing, said: str) -> dict[str, Any]:
    return {"response_action": "errors", "errors": {_title_block(writing): said}}
