"""What statuses mean for requests, tried before it is saved, for Product Ops."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import SignedInRequest
from accounts.permissions import is_product_ops, require
from integrations import coming_back, rules, shared_fields, unmapped
from integrations.models import FieldRule, Source, StatusRule
from producthub.lib.htmx import see_other
from producthub.lib.tags import count_of

# Short, for a list to choose from; what they mean in full stands below it.
EFFECTS = [
    (StatusRule.Effect.NOTHING, "Only shown"),
    (StatusRule.Effect.BEGUN, "Work has begun"),
    (StatusRule.Effect.SHIPPED, "Delivered"),
    (StatusRule.Effect.DROPPED, "Given up there"),
]
UNMAPPED = "What is not placed yet is for Product Ops."
FIELD = "effect:"
OWNER = "owner:"


@require_safe
def unplaced(request: SignedInRequest) -> HttpResponse:
    """Statuses, people and fields that nobody has placed, each with the form for it."""
    require(is_product_ops(request.user), UNMAPPED)
    parts = unmapped.parts()
    context = {"parts": parts, "total": sum(len(part.rows) for part in parts)}
    return render(request, "integrations/unmapped.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def mapping(request: SignedInRequest) -> HttpResponse:
    """Set what each status means; “Try” shows what that would do and saves nothing."""
    require(is_product_ops(request.user), rules.OPS_ONLY)
    data = request.POST if request.method == "POST" else request.GET
    sources = [one.source for one in coming_back.followers()]
    source = next((one for one in sources if one.value == data.get("source")), sources[0])
    rows = rules.status_rows(source)
    chosen = {row.key: row.effect for row in rows}
    owners = {row.field: row.owner for row in rules.field_rows(source)}
    trials = field_trials = None
    if request.method == "POST" and request.POST.get("do", "").endswith("-fields"):
        allowed = {"", *FieldRule.Owner.values}
        owners |= {
            field: value
            for field in owners
            if (value := request.POST.get(OWNER + field, owners[field])) in allowed
        }
        if request.POST["do"] == "try-fields":
            field_trials = shared_fields.try_field_rules(
                source=source, owners=owners, actor=request.user
            )
        else:
            changed = shared_fields.save_field_rules(
                source=source, owners=owners, actor=request.user
            )
            return _saved(request, source, changed)
    elif request.method == "POST":
        names = {row.key: row.name for row in rows}
        valid = {"", *StatusRule.Effect.values}
        chosen |= {
            key: value
            for key in chosen
            if (value := request.POST.get(FIELD + key, chosen[key])) in valid
        }
        if request.POST.get("do") == "try":
            trials = rules.try_status_rules(
                source=source, effects=chosen, names=names, actor=request.user
            )
        else:
            changed = rules.save_status_rules(
                source=source, effects=chosen, names=names, actor=request.user
            )
            return _saved(request, source, changed)
    context = {
        "source": source,
        "tabs": [(one, len(coming_back.unmapped(one))) for one in sources],
        "rows": [(row, chosen[row.key]) for row in rows],
        "effects": EFFECTS,
        "default": "delivered when done" if source == Source.JIRA else "only shown",
        "trials": trials,
        "would_change": sum(one.is_changed for one in trials or ()),
        "field": FIELD,
        "wanted": data.get("status", ""),
        "fields": [(row, owners[row.field]) for row in rules.field_rows(source)],
        "owners": [
            (FieldRule.Owner.HUB, "The hub"),
            (FieldRule.Owner.UPSTREAM, source.label),
            (FieldRule.Owner.ASK, "Whoever changed it last"),
        ],
        "owner": OWNER,
        "field_trials": field_trials,
    }
    return render(request, "integrations/mapping.html", context)


def _saved(request: SignedInRequest, source: Source, changed: int) -> HttpResponse:
    saved = f"{count_of(changed, 'rule')} saved. Requests follow in a moment."
    messages.success(request, saved if changed else "Nothing was changed.")
    return see_other(f"{reverse('integrations:mapping')}?source={source.value}")
