"""Scoring sessions: the list, a new one, and the three stages of one."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import SignedInRequest
from accounts.models import Team, User
from intake import scoreboard, scoring, services
from intake.forms import DecisionForm
from intake.forms_scoring import (
    AgendaForm,
    AnswersForm,
    NotesForm,
    PersonForm,
    SessionChangeForm,
    SessionForm,
    SettleForm,
    initial_answers,
    plain,
    product_managers,
    requests_by_number,
    weights_in,
)
from intake.models import Request, ScoringSession
from intake.permissions import can_facilitate, can_score
from intake.scoreboard import Board, Line
from intake.services import RequestError
from intake.services.sessions import decided_in
from producthub.lib.csv import csv_response
from producthub.lib.forms import HubForm
from producthub.lib.htmx import page, see_other, wants_fragment
from producthub.lib.input import whole_number
from producthub.lib.tags import count_of, in_words

Stage = ScoringSession.Stage
TABS = (Stage.SCORE, Stage.TALK, Stage.DECIDE)
SORTS = {"score": "Score", "spread": "Widest spread first", "missing": "Not scored yet first"}
PAGE_SIZE = 50
CHOICES = 60


def _require_scorer(request: SignedInRequest) -> None:
    if not can_score(request.user):
        raise PermissionDenied("Scoring is for product managers. You see the scores on requests.")


def _session(request: SignedInRequest, number: int) -> ScoringSession:
    _require_scorer(request)
    sessions = ScoringSession.objects.filter(is_solo=False).select_related(
        "version__model", "team", "facilitator", "moved_by"
    )
    return get_object_or_404(sessions, number=number)


def _item(session: ScoringSession, number: int) -> Request:
    """A candidate's request; also one that was taken off, so that the service can say so."""
    items = Request.objects.filter(candidacies__session=session).defer("search_vector")
    return get_object_or_404(items, number=number)


# --- List and new -------------------------------------------------------------------------------
@require_safe
def session_list(request: SignedInRequest) -> HttpResponse:
    """Running and past sessions."""
    _require_scorer(request)
    found = scoreboard.sessions_for(request.user)
    running = list(found.exclude(stage=Stage.CLOSED))
    past = Paginator(found.filter(stage=Stage.CLOSED), PAGE_SIZE)
    shown = past.get_page(request.GET.get("page"))
    missing = sum(
        max(0, one.candidate_count - one.mine_count)  # type: ignore[attr-defined]
        for one in running
        if one.is_blind and one.is_mine  # type: ignore[attr-defined]
    )
    context = {"running": running, "past": shown, "page": shown, "missing": missing}
    return render(request, "intake/sessions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def session_new(request: SignedInRequest) -> HttpResponse:
    """Open a session; which team's requests are offered, and in what order, is in the address."""
    _require_scorer(request)
    query = request.POST if request.method == "POST" else request.GET
    team = _team_of(request, query.get("team"))
    sort = query.get("sort", "votes")
    offered = scoreboard.candidates_to_choose(
        request.user, team=team, sort=sort, words=query.get("words", "").strip()[:80]
    )
    choices = list(offered.defer("search_vector")[:CHOICES])
    models = scoreboard.models_for(team)
    picked = {whole_number(value) for value in query.getlist("item")} - {None}
    if request.method == "POST":
        form = SessionForm(request.POST, models=models)
        if form.is_valid():
            session = _open(request, form, team, sorted(n for n in picked if n is not None))
            if session is not None:
                said = f"Session opened. {count_of(session.scorers.count(), 'person,people')}"
                messages.success(request, f"{said} score blind from now on.")
                return see_other(session)
    else:
        initial = {
            "title": f"{timezone.localdate():%B} scoring",
            "scorers": _usual_scorers(request.user, team),
            "clock_minutes": 8,
            "model": _usual_model(team),
        }
        form = SessionForm(initial=initial, models=models)
    context = {
        "form": form,
        "choices": choices,
        "picked": picked,
        "offered_count": offered.count() if len(choices) == CHOICES else len(choices),
        "team": team,
        "teams": Team.objects.filter(is_active=True),
        "sort": sort,
        "sorts": {"votes": "Most votes", "old": "Oldest first", "new": "Newest first"}.items(),
        "words": query.get("words", ""),
        "people": product_managers(),
    }
    status = 422 if form.errors else 200
    return render(request, "intake/session_new.html", context, status=status)


def _team_of(request: SignedInRequest, slug: str | None) -> Team | None:
    """The team in the address; without one, the reader's own when they have just one."""
    if slug:
        return Team.objects.filter(slug=slug, is_active=True).first()
    if slug is None and len(request.user.team_ids) == 1:
        return Team.objects.filter(pk=request.user.team_ids[0], is_active=True).first()
    return None


def _usual_scorers(user: User, team: Team | None) -> list[int]:
    """The product managers of the team, and the one who asks."""
    if team is None:
        return [user.pk]
    members = team.memberships.current().values_list("user_id", flat=True)
    return list({*product_managers().filter(pk__in=members).values_list("pk", flat=True), user.pk})


def _usual_model(team: Team | None) -> str:
    """The model that the team scored by last time; the weighted one before any."""
    last = ScoringSession.objects.filter(is_solo=False, version__model__is_active=True)
    if team is not None:
        last = last.filter(team=team)
    slug = last.values_list("version__model__slug", flat=True).first()
    return slug or "weighted"


def _open(
    request: SignedInRequest, form: SessionForm, team: Team | None, picked: list[int]
) -> ScoringSession | None:
    data = form.cleaned_data
    items, unknown = requests_by_number(request.user, [*picked, *data["numbers"]])
    if unknown:
        form.add_error("numbers", f"There is no request {unknown[0]}. Check the number")
        return None
    try:
        return services.open_session(
            title=data["title"],
            model=data["model"],
            team=team,
            scorers=data["scorers"],
            items=items,
            capacity=data["capacity"],
            closes_at=data["closes_at"],
            clock_minutes=data["clock_minutes"],
            actor=request.user,
        )
    except RequestError as error:
        form.add_error(None, str(error))
        return None


# --- One session --------------------------------------------------------------------------------
@require_safe
def session_detail(request: SignedInRequest, number: int) -> HttpResponse:
    """One session in one of its stages; all of the page's state is in the address."""
    session = _session(request, number)
    return _page(request, session, request.GET)


def _page(
    request: SignedInRequest,
    session: ScoringSession,
    query: Any,
    *,
    bound: HubForm | None = None,
    on: int | None = None,
    view: str = "",
    status: int = 200,
) -> HttpResponse:
    context = _context(request, session, query, bound=bound, on=on, view=view)
    return page(request, "intake/session.html", "intake/_session.html", context, status=status)


def _view_of(session: ScoringSession, wanted: str) -> str:
    if wanted in TABS:
        return wanted
    return Stage.DECIDE if session.is_closed else session.stage_now


def _context(
    request: SignedInRequest,
    session: ScoringSession,
    query: Any,
    *,
    bound: HubForm | None = None,
    on: int | None = None,
    view: str = "",
) -> dict[str, Any]:
    user = request.user
    view = _view_of(session, view or query.get("v", ""))
    scheme = services.scheme_of(session.version)
    weights, faults = weights_in(query, scheme)
    board = scoreboard.board(session, user, weights=weights)
    facilitates = can_facilitate(user, session)
    team, sort = query.get("team", ""), query.get("sort", "")
    sort = sort if sort in SORTS else ("spread" if view == Stage.TALK else "score")
    line = _line_on(board, view, on or whole_number(query.get("on", "")))
    kept = {
        name: query.get(name, "")
        for name in ("team", "sort", *(f"w_{key}" for key in scheme.weights))
        if query.get(name, "")
    }
    here = reverse("intake:session", args=[session.number])
    base = urlencode({"v": view, **kept})
    progress = scoreboard.progress(session) if session.is_blind else []
    context = {
        "session": session,
        "board": board,
        "scheme": scheme,
        "view": view,
        "tabs": _tabs(board, view, here, kept),
        "line": line,
        "on": line.item.number if line else 0,
        "sections": _sections(board, view, sort, team),
        "facilitates": facilitates,
        "may_write": not session.is_closed and (facilitates or board.is_scorer),
        "progress": progress,
        "done_count": sum(one.missing <= 0 for one in progress),
        "teams": sorted(
            {(one.item.team.slug, one.item.team.name) for one in board.lines if one.item.team},
            key=lambda pair: pair[1],
        ),
        "team": team,
        "sort": sort,
        "sorts": SORTS.items(),
        "here": here,
        "base": f"{here}?{base}",
        "weights": [
            (one, query.get(f"w_{one.key}", "") or plain(one.weight), faults.get(one.key))
            for one in scheme.counted
        ]
        if scheme.has_weights
        else [],
        "weights_query": urlencode({k: v for k, v in kept.items() if k.startswith("w_")}),
        "apart_words": scoring.APART_WORDS[scheme.is_ratio],
        "formula": scoring.formula(board.scheme),
        "bound": bound,
        "next": board.to_score[0] if board.to_score else None,
    }
    return context | _forms(request, session, board, view, line, bound, facilitates)


def _tabs(board: Board, view: str, here: str, kept: dict[str, str]) -> list[Any]:
    blind = board.session.is_blind
    count = {
        Stage.SCORE: f"{board.mine_count} of {len(board.lines)}" if board.is_scorer else "",
        Stage.TALK: "" if blind else len(board.apart),
        Stage.DECIDE: "" if blind else len(board.above) or len(board.undecided),
    }
    return [
        (
            Stage(stage).label,
            count[stage],
            f"{here}?{urlencode({'v': stage, **kept})}",
            stage == view,
        )
        for stage in TABS
    ]


def _line_on(board: Board, view: str, number: int | None) -> Line | None:
    """The candidate beside the table: the one in the address, or where to go on."""
    by_number = {line.item.number: line for line in board.lines}
    if number in by_number:
        return by_number[number]
    if view == Stage.SCORE:
        rest = board.to_score if board.session.is_blind else []
        return rest[0] if rest else (board.lines[0] if board.lines else None)
    if view == Stage.TALK and not board.session.is_blind:
        talking = [line for line in board.lines if line.candidate.talk_started_at]
        open_talk = [line for line in board.apart if not line.is_settled]
        return next(iter(talking or open_talk or board.ranked), None)
    if view == Stage.DECIDE and not board.session.is_blind:
        return next((line for line in board.ranked if line.item.is_open), None)
    return None


def _sections(board: Board, view: str, sort: str, team: str) -> list[tuple[str, list[Line]]]:
    """(words of the line across above it, candidates), in order."""

    def chosen(lines: list[Line]) -> list[Line]:
        return [
            line for line in lines if not team or (line.item.team and line.item.team.slug == team)
        ]

    ranked = board.ranked
    cut = board.line_after
    sections: list[tuple[str, list[Line]]] = []
    if sort == "spread":
        ranked = sorted(ranked, key=lambda line: -scoreboard.tension_of(line))
        cut = None
    if cut is None:
        sections.append(("", chosen(ranked)))
    else:
        weeks = count_weeks(board.session)
        if cut == len(ranked):
            said = f"The team has {weeks}. Everything above fits."
        else:
            said = (
                f"The team has {weeks}. The line falls here:"
                f" {in_words(cut)} {'fits' if cut == 1 else 'fit'}, the rest"
                f" {'waits' if len(ranked) - cut == 1 else 'wait'}."
            )
        sections += [("", chosen(ranked[:cut])), (said, chosen(ranked[cut:]))]
    rest: list[tuple[str, list[Line]]] = []
    if board.session.is_blind:
        words = "Not scored by you yet, in random order. Scores open after yours."
        if not board.is_scorer:
            words = "Scored blind: the scores open for all at once."
        rest.append((words, chosen(board.to_score)))
        rest.append(
            ("You left these to others. Scores open for all at once.", chosen(board.passed))
        )
    else:
        shown = {line.item.pk for line in [*ranked, *board.gone]}
        blank = [line for line in board.lines if line.item.pk not in shown]
        rest.append(("Nobody scored these.", chosen(blank)))
    rest.append(("Merged or decided meanwhile, so not scored.", chosen(board.gone)))
    rest = [section for section in rest if section[1]]
    if sort == "missing" and rest:
        return [
            rest[0],
            *[
                ("Scored", lines) if not words else (words, lines)
                for words, lines in sections
                if lines or words
            ],
            *rest[1:],
        ]
    return [s for s in sections if s[1] or s[0]] + rest


def count_weeks(session: ScoringSession) -> str:
    """“26 weeks”."""
    weeks = float(session.capacity or 0)
    return f"{weeks:g} {'week' if weeks == 1 else 'weeks'}"


def _forms(
    request: SignedInRequest,
    session: ScoringSession,
    board: Board,
    view: str,
    line: Line | None,
    bound: HubForm | None,
    facilitates: bool,
) -> dict[str, Any]:
    """What the reader can do here; a posted form comes back with its errors."""
    found: dict[str, Any] = {}
    scheme = services.scheme_of(session.version)
    if not session.is_blind and (view == Stage.DECIDE or session.is_closed):
        found["decided"] = decided_in(session)
    if line is not None and view == Stage.SCORE and session.is_blind and board.is_scorer:
        initial = initial_answers(line.mine.values) if line.mine else {}
        found["answers_form"] = AnswersForm(scheme=scheme, initial=initial)
        found["evidence"] = scoreboard.evidence(line.item)
    if line is not None and view == Stage.TALK and not session.is_blind:
        found["voices"] = scoreboard.voices(session, request.user, line)
        found["widest"] = scoring.widest(scheme, list(line.answers.values()))
        found["evidence"] = scoreboard.evidence(line.item)
        settled = line.candidate.settled_value
        value = "" if settled is None else plain(float(settled))
        if settled is not None and scheme.method == "moscow":
            value = str(float(settled))
        if facilitates and not session.is_closed:
            found["settle_form"] = SettleForm(
                scheme=scheme,
                initial={
                    "value": value,
                    "note": line.candidate.note,
                    "seen": "" if settled is None else str(settled),
                },
            )
        found["clock"] = _clock(session, board)
    if view == Stage.DECIDE and not session.is_blind:
        if line is not None and line.item.is_open and not session.is_closed:
            found["decision_form"] = DecisionForm(initial=_suggested(board, line))
            found["evidence"] = scoreboard.evidence(line.item)
        found["notes_form"] = NotesForm(session=session)
    if facilitates and not session.is_closed:
        found["agenda_form"] = AgendaForm()
        found["change_form"] = SessionChangeForm(session=session)
        found["person_form"] = PersonForm()
    for name, kind in _FORM_KINDS.items():
        if bound is not None and isinstance(bound, kind):
            found[name] = bound
    return found


_FORM_KINDS: dict[str, type[HubForm]] = {
    "answers_form": AnswersForm,
    "settle_form": SettleForm,
    "decision_form": DecisionForm,
    "notes_form": NotesForm,
    "agenda_form": AgendaForm,
    "change_form": SessionChangeForm,
    "person_form": PersonForm,
}


def _suggested(board: Board, line: Line) -> dict[str, Any]:
    """A decision to begin with: what the ranking says, for a person to agree or differ."""
    fits = board.line_after is None or (line.rank or 0) <= board.line_after
    reason = f"Scored {line.value_words}, place {line.rank} of {len(board.ranked)}"
    reason += f" in {board.session.title}."
    if board.line_after is not None:
        weeks = count_weeks(board.session)
        reason += f" It {'fits into' if fits else 'does not fit into'} the {weeks} of the team."
    if line.candidate.note:
        reason += f" {line.candidate.note}"
    return {"outcome": "do" if fits else "later", "reason": reason}


def _clock(session: ScoringSession, board: Board) -> dict[str, Any] | None:
    """The talk that runs: what is left of it, by the server's time."""
    talking = next((line for line in board.lines if line.candidate.talk_started_at), None)
    if talking is None or talking.candidate.talk_started_at is None:
        return None
    total = session.clock_minutes * 60
    begun = talking.candidate.talk_started_at
    spent = talking.candidate.talked_seconds + int((timezone.now() - begun).total_seconds())
    left = total - spent
    percent = min(100, max(0, round(100 * spent / total)))
    return {
        "line": talking,
        "left": f"{abs(left) // 60}:{abs(left) % 60:02d}",
        "is_over": left < 0,
        "percent": percent,
        "ends_at": str(int(begun.timestamp()) + total - talking.candidate.talked_seconds),
        "total": total,
    }


# --- Acting -------------------------------------------------------------------------------------
def _act(
    request: SignedInRequest,
    session: ScoringSession,
    call: Callable[[], Any],
    said: str,
    *,
    view: str,
    form: HubForm | None = None,
    on: int | None = None,
    go_on: int | None = None,
    undo: services.Window | None = None,
) -> HttpResponse:
    """One change, then the page as it is now. 422 when the form needs a change, 409 when somebody
    was first or the session went on; what was typed stays in both."""
    if form is not None and not form.is_valid():
        return _page(request, session, request.POST, bound=form, on=on, view=view, status=422)
    try:
        call()
    except RequestError as error:
        fresh = _session(request, session.number)
        if form is not None:
            form.add_error(None, str(error))
        else:
            messages.error(request, str(error))
        return _page(request, fresh, request.POST, bound=form, on=on, view=view, status=409)
    if said:
        messages.success(request, said, extra_tags=f"undo-{undo.key}" if undo else "")
    kept = {"v": view, **_kept(request)}
    if go_on:
        kept["on"] = str(go_on)
    where = f"{reverse('intake:session', args=[session.number])}?{urlencode(kept)}"
    if wants_fragment(request):
        fresh = _session(request, session.number)
        response = _page(request, fresh, kept, on=go_on, view=view)
        response["HX-Push-Url"] = where
        return response
    return see_other(where)


def _kept(request: SignedInRequest) -> dict[str, str]:
    return {
        name: request.POST[name]
        for name in ("team", "sort")
        if request.POST.get(name) and len(request.POST[name]) < 60
    }


@require_POST
def session_score(request: SignedInRequest, number: int, item: int) -> HttpResponse:
    """Save my score, or that I cannot judge it, and go on to the next."""
    session = _session(request, number)
    found = _item(session, item)
    passes = bool(request.POST.get("skip"))
    form = AnswersForm(request.POST, scheme=services.scheme_of(session.version))

    def call() -> None:
        answers = None if passes else form.cleaned_data["answers"]
        services.save_score(session=session, item=found, scorer=request.user, answers=answers)

    said = (
        f"{found.reference} is left to the others." if passes else f"{found.reference} is scored."
    )
    if passes:
        # Nothing typed has to be right for that.
        blank = AnswersForm({}, scheme=services.scheme_of(session.version))
        try:
            call()
        except RequestError as error:
            blank.errors.clear()
            blank.add_error(None, str(error))
            fresh = _session(request, number)
            return _page(
                request, fresh, request.POST, bound=blank, on=item, view=Stage.SCORE, status=409
            )
        return _act(request, session, lambda: None, said, view=Stage.SCORE)
    return _act(request, session, call, said, view=Stage.SCORE, form=form, on=item)


@require_POST
def session_move(request: SignedInRequest, number: int) -> HttpResponse:
    """Open the scores, begin to decide, go back to talking, or close."""
    session = _session(request, number)
    to = request.POST.get("to", "")
    said = {
        Stage.TALK: "The scores are open." if session.is_blind else "Back to the talk.",
        Stage.DECIDE: "Now decide, from the top.",
        Stage.CLOSED: "The session is closed. Everyone who took part gets the notes.",
    }
    if to not in said:
        to = ""
    return _act(
        request,
        session,
        lambda: services.move_session(
            session=session, to=to, actor=request.user, seen=request.POST.get("seen", "")
        ),
        said.get(Stage(to), "") if to else "",
        view=Stage.DECIDE if to == Stage.CLOSED else to or session.stage_now,
    )


@require_POST
def session_talk(request: SignedInRequest, number: int, item: int) -> HttpResponse:
    """Start or stop the clock for one candidate."""
    session = _session(request, number)
    found = _item(session, item)

    def call() -> None:
        if request.POST.get("stop"):
            services.pause_talk(session=session, actor=request.user)
        else:
            services.start_talk(session=session, item=found, actor=request.user)

    return _act(request, session, call, "", view=Stage.TALK, on=item, go_on=item)


@require_POST
def session_settle(request: SignedInRequest, number: int, item: int) -> HttpResponse:
    """Write down what the group agreed on."""
    session = _session(request, number)
    found = _item(session, item)
    form = SettleForm(request.POST, scheme=services.scheme_of(session.version))

    def call() -> None:
        services.settle_candidate(
            session=session,
            item=found,
            actor=request.user,
            value=form.cleaned_data["value"],
            note=form.cleaned_data["note"],
            seen=form.cleaned_data["seen"],
        )

    said = f"{found.reference} is settled."
    return _act(request, session, call, said, view=Stage.TALK, form=form, on=item)


@require_POST
def session_decide(request: SignedInRequest, number: int, item: int) -> HttpResponse:
    """Record the decision on one candidate; everyone behind it hears of it."""
    session = _session(request, number)
    found = _item(session, item)
    form = DecisionForm(request.POST)
    undo = services.window(request.user)

    def call() -> None:
        if session.is_blind:
            raise services.StillBlind("Reveal the scores first: nobody has seen them yet.")
        data = dict(form.cleaned_data)
        services.decide_requests(
            items=[found, *data.pop("also")],
            actor=request.user,
            undo=undo,
            **data,
        )

    said = f"{found.reference} is decided. Everyone behind it is told."
    return _act(request, session, call, said, view=Stage.DECIDE, form=form, on=item, undo=undo)


@require_POST
def session_notes(request: SignedInRequest, number: int) -> HttpResponse:
    """Save notes and actions."""
    session = _session(request, number)
    form = NotesForm(request.POST, session=session)

    def call() -> None:
        services.write_session_notes(session=session, actor=request.user, **form.cleaned_data)

    return _act(request, session, call, "Notes saved.", view=Stage.DECIDE, form=form)


@require_POST
def session_agenda(request: SignedInRequest, number: int) -> HttpResponse:
    """Put more requests on the agenda, by number, or take one off."""
    session = _session(request, number)
    if request.POST.get("drop"):
        found = _item(session, whole_number(request.POST["drop"]) or 0)
        return _act(
            request,
            session,
            lambda: services.drop_candidate(session=session, item=found, actor=request.user),
            f"{found.reference} is off the agenda.",
            view=_view_of(session, request.POST.get("v", "")),
        )
    form = AgendaForm(request.POST)

    def call() -> None:
        items, unknown = requests_by_number(request.user, form.cleaned_data["numbers"])
        if unknown:
            raise RequestError(f"There is no request {unknown[0]}. Check the number.")
        services.add_candidates(session=session, items=items, actor=request.user)

    return _act(request, session, call, "The agenda has grown.", view=Stage.SCORE, form=form)


@require_POST
def session_people(request: SignedInRequest, number: int) -> HttpResponse:
    """Ask one more person, wait for one no longer, or hand the session over."""
    session = _session(request, number)
    form = PersonForm(request.POST)
    what = request.POST.get("what", "")
    calls: dict[str, tuple[Callable[..., Any], str, str]] = {
        "add": (services.add_scorer, "person", "is asked to score."),
        "remove": (
            services.remove_scorer,
            "person",
            "is not waited for; scores given still count.",
        ),
        "hand": (services.hand_over_session, "to", "facilitates now."),
    }
    service, name, words = calls.get(what, calls["add"])
    person = form.cleaned_data.get("person") if form.is_valid() else None

    def call() -> None:
        service(session=session, actor=request.user, **{name: person})

    view = _view_of(session, request.POST.get("v", ""))
    return _act(request, session, call, f"{person} {words}", view=view, form=form)


@require_POST
def session_change(request: SignedInRequest, number: int) -> HttpResponse:
    """Other weeks, another closing time, another clock."""
    session = _session(request, number)
    form = SessionChangeForm(request.POST, session=session)

    def call() -> None:
        data = {"closes_at": session.closes_at} | form.cleaned_data
        services.change_session(session=session, actor=request.user, **data)

    view = _view_of(session, request.POST.get("v", ""))
    return _act(request, session, call, "Saved.", view=view, form=form)


# --- Beside it ----------------------------------------------------------------------------------
@require_safe
def session_progress(request: SignedInRequest, number: int) -> HttpResponse:
    """How far everyone is and what runs now: a small part that asks for itself again."""
    session = _session(request, number)
    context = _progress(request.user, session)
    context["seen"] = request.GET.get("seen", "")
    return render(request, "intake/_session_progress.html", context)


def _progress(user: User, session: ScoringSession) -> dict[str, Any]:
    progress = scoreboard.progress(session) if session.is_blind else []
    return {
        "session": session,
        "progress": progress,
        "done_count": sum(one.missing <= 0 for one in progress),
    }


@require_safe
def session_summary(request: SignedInRequest, number: int) -> HttpResponse:
    """The session on one page, to print and to send round; once the scores are open."""
    session = _session(request, number)
    if session.is_blind:
        messages.error(request, "The summary is there once the scores are open.")
        return see_other(session)
    context = {
        "session": session,
        "board": scoreboard.board(session, request.user),
        "decided": decided_in(session),
        "scorers": session.scorers.order_by("name"),
        "formula": scoring.formula(services.scheme_of(session.version)),
    }
    return render(request, "intake/session_summary.html", context)


@require_safe
def session_csv(request: SignedInRequest, number: int) -> StreamingHttpResponse:
    """What the reader may see of a session, as a file."""
    session = _session(request, number)
    board = scoreboard.board(session, request.user)
    people = [] if session.is_blind else list(session.scorers.order_by("name", "id"))
    header = [
        "Rank", "Request", "Title", "Team", "Votes", "Score", "Settled", "Median", "Lower quarter",
        "Upper quarter", "Mine", "Likely rank from", "Likely rank to", "Holds", "Weeks", "Outcome",
        *[str(person) for person in people],
    ]  # fmt: skip
    rows = []
    for line in board.lines:
        found, firm = line.spread, line.firmness
        scores = {who: scoring.score(board.scheme, given) for who, given in line.answers.items()}
        rows.append(
            [
                line.rank,
                line.item.reference,
                line.item.title,
                line.item.team,
                line.item.vote_count,
                _three(line.value),
                line.is_settled if line.is_shown else None,
                _three(found.middle if found else None),
                _three(found.lower if found else None),
                _three(found.upper if found else None),
                _three(line.mine_value),
                firm.first if firm else None,
                firm.last if firm else None,
                None if firm is None or firm.holds is None else round(firm.holds, 3),
                line.weeks,
                line.item.outcome,
                *[_three(scores.get(person.pk)) for person in people],
            ]
        )
    return csv_response(f"session-{session.number}-{slugify(session.title)[:40]}", header, rows)


def _three(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
