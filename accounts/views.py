"""People, teams, and one's own account."""

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import selectors, services, unsent
from accounts.adapters import is_second_factor_required
from accounts.forms import THEME_CHOICES, AccountForm, time_zone_options
from accounts.http import SignedInRequest
from accounts.models import Team, User
from accounts.permissions import is_pm
from producthub.lib.htmx import see_other

YEAR_SECONDS = 31_536_000


@require_safe
def teams(request: HttpRequest) -> HttpResponse:
    """Who owns what, and where to ask."""
    page = Paginator(selectors.active_teams(), selectors.ROWS_PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "page": page,
        "cards": selectors.team_cards(list(page.object_list)),
        "people_count": selectors.people_count(),
    }
    return render(request, "accounts/teams.html", context)


@require_safe
def team(request: HttpRequest, slug: str) -> HttpResponse:
    """One team: mission, lead, channel, members of today and who left."""
    item = get_object_or_404(Team.objects.select_related("lead"), slug=slug)
    page = Paginator(selectors.members_of(item), selectors.ROWS_PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "team": item,
        "page": page,
        "memberships": list(page.object_list),
        "past": list(selectors.past_members_of(item)),
    }
    return render(request, "accounts/team.html", context)


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Everyone, filtered by words and team."""
    text = request.GET.get("q", "").strip()[:100]
    active = list(selectors.active_teams())
    chosen = next((item for item in active if item.slug == request.GET.get("team")), None)
    found = selectors.people_list(text, chosen)
    page = Paginator(found, selectors.ROWS_PER_PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    belongs = selectors.teams_of(rows)
    kept = request.GET.copy()
    kept.pop("page", None)
    context = {
        "rows": [(person, belongs.get(person.pk, [])) for person in rows],
        "page": page,
        "query": kept.urlencode(),
        "text": text,
        "teams": active,
        "chosen": chosen,
    }
    return render(request, "accounts/people.html", context)


@require_safe
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One person: what they do, how to reach them, their teams from when to when.

    Guests are shown to product managers alone.
    """
    item = get_object_or_404(User, pk=pk)
    if item.is_guest and not is_pm(request.user):
        raise Http404  # a stranger's name and address: for those who answer them
    context = {
        "person": item,
        "memberships": list(selectors.memberships_of(item)),
        "audiences": list(item.audiences.all()),
    }
    return render(request, "accounts/person.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def me(request: HttpRequest) -> HttpResponse:
    """Own account: name, time zone, colours; password, second factor, sign-out."""
    user = request.user
    assert isinstance(user, User)  # everyone here is signed in
    theme = request.COOKIES.get("theme", "")
    known = {value for value, _ in THEME_CHOICES}
    initial = {
        "name": user.name,
        "time_zone": user.time_zone,
        "theme": theme if theme in known else "",
    }
    form = AccountForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        services.update_details(
            user=user,
            actor=user,
            name=form.cleaned_data["name"],
            time_zone=form.cleaned_data["time_zone"],
        )
        messages.success(request, "Saved.")
        response = see_other("accounts:me")
        chosen = form.cleaned_data["theme"]
        if chosen:
            response.set_cookie(
                "theme",
                chosen,
                max_age=YEAR_SECONDS,
                samesite="Lax",
                secure=request.is_secure(),
            )
        else:
            response.delete_cookie("theme", samesite="Lax")
        return response
    context = {
        "form": form,
        "zone_options": time_zone_options(),
        "memberships": list(selectors.memberships_of(user)),
        "has_second_factor": Authenticator.objects.filter(
            user=user, type=Authenticator.Type.TOTP
        ).exists(),
        "second_factor_required": is_second_factor_required(user),
    }
    return render(request, "accounts/me.html", context, status=422 if form.errors else 200)


@never_cache
@require_safe
def unsent_forms(request: SignedInRequest) -> HttpResponse:
    """What the reader sent after their session had ended, to send now or throw away."""
    context = {"forms": unsent.waiting(request, request.user), "field": unsent.FIELD}
    return render(request, "accounts/unsent.html", context)


@require_POST
def unsent_forget(request: SignedInRequest, pk: int) -> HttpResponse:
    """Throw one away."""
    unsent.forget(request, request.user, pk)
    messages.success(request, "Thrown away.")
    return see_other("accounts:unsent" if unsent.is_waiting(request, request.user) else "hub:home")
