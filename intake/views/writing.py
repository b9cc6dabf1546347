"""What somebody is writing, as their browser sends it."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from accounts.http import SignedInRequest
from accounts.models import User
from intake import asking, questions, services
from intake.files import MAX_FILES, BadFile, Checked, inspect
from intake.models import Attachment, Draft, FieldType, FormVersion, IntakeForm, MapsTo
from intake.request_forms import BEHALF, VersionForm, form_class
from producthub.lib.input import whole_number

MAX_VALUES = 100


@dataclass
class Writing:
    """A post of the new-request page: which form in which version, and what is typed."""

    person: User
    posted: QueryDict
    forms: list[IntakeForm]
    chosen: IntakeForm
    version: FormVersion
    key: uuid.UUID

    @property
    def asked(self) -> tuple[questions.Question, ...]:
        return questions.read(self.version.questions)

    @property
    def typed(self) -> dict[str, list[str]]:
        """By name of the control, for the draft."""
        asked = [one.key for one in self.asked if one.type != FieldType.FILE]
        names = [*asked, *BEHALF]
        return {
            name: [str(one) for one in self.posted.getlist(name)[:MAX_VALUES]]
            for name in names
            if name in self.posted
        }

    def part(self, part: str) -> str:
        """What is typed for one part of the request."""
        key = next((one.key for one in self.asked if one.maps_to == part), "")
        return " ".join(self.posted.getlist(key)).replace("\x00", "").strip()

    @property
    def title(self) -> str:
        return " ".join(self.part(MapsTo.TITLE).split())

    @property
    def problem(self) -> str:
        return self.part(MapsTo.PROBLEM)

    def save(self, *, overwrite: bool = False) -> Draft | None:
        """Keep it as a draft; what the service refuses, it says."""
        return services.save_draft(
            person=self.person,
            key=self.key,
            version=self.version,
            typed=self.typed,
            field=self.posted.get("field", "")[:40],
            touched=self.posted.get("touched", "")[:2000].split(","),
            tab=self.posted.get("tab", "")[:40],
            seen=self.posted.get("saved", ""),
            overwrite=overwrite,
        )

    def kept(self) -> Draft | None:
        """The draft as it is; saved first where there is none yet."""
        draft = Draft.objects.filter(key=self.key, person=self.person).first()
        return draft or self.save()

    def form(self) -> VersionForm:
        """The posted form. Files that came with it are on the draft by then, or refused."""
        form = form_class(self.version)(self.posted)
        form.keep(files_of(self.person, self.key))
        return form

    def take_files(self, files: MultiValueDict[str, Any]) -> dict[str, str]:
        """Put what was sent along on the draft, and say by question what is not taken: typed
        text and good files are kept, whatever is wrong with another."""
        refused: dict[str, str] = {}
        for question in self.asked:
            uploads = files.getlist(question.key)[: 4 * MAX_FILES]
            if question.type != FieldType.FILE or not uploads:
                continue
            good: list[Checked] = []
            for upload in uploads:
                try:
                    good.append(inspect(upload))
                except BadFile as error:
                    refused.setdefault(question.key, str(error))
            try:
                services.add_to_draft(
                    person=self.person,
                    key=self.key,
                    version=self.version,
                    field_key=question.key,
                    files=good,
                )
            except services.RequestError as error:
                refused[question.key] = str(error)
        return refused


def files_of(person: User, key: uuid.UUID) -> dict[str, list[Attachment]]:
    """Files on a person's draft, by key of the question."""
    found: dict[str, list[Attachment]] = {}
    rows = Attachment.objects.filter(draft__key=key, draft__person=person, request__isnull=True)
    for row in rows:
        found.setdefault(row.field_key, []).append(row)
    return found


def writing(request: SignedInRequest) -> Writing | None:
    """What was posted; None where no form is open."""
    posted = request.POST
    # The line “Switch the form” names the form it switches to.
    slug = posted.get("switch", "").strip("1") or posted.get("form", "")
    forms = asking.offered_forms(request.user, also=slug)
    chosen = asking.form_for(forms, slug=slug, kind=posted.get("kind", ""))
    if chosen is None:
        return None
    assert chosen.version is not None
    number = whole_number(posted.get("version", ""), digits=18)
    version = chosen.version
    if number is not None and number != chosen.version_id:
        # Theirs, though a newer one is out by now.
        version = chosen.versions.filter(pk=number).first() or version
    return Writing(request.user, posted, forms, chosen, version, key_of(posted))


def key_of(posted: Any) -> uuid.UUID:
    """The draft's key; a new one for whatever is no key."""
    return as_key(posted.get("submission_key", "")) or uuid.uuid4()


def as_key(text: Any) -> uuid.UUID | None:
    """A key as a UUID, None for whatever is none."""
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None
