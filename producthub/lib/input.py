"""What addresses and forms bring in, before anything trusts it."""

from collections.abc import Callable

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse


def whole_number(text: str, *, digits: int = 9) -> int | None:
    """The number that a text of at most `digits` plain digits is, else None.

    `str.isdigit` alone also takes “²”, which no `int()` reads.
    """
    plain = text.isascii() and text.isdigit() and len(text) <= digits
    return int(text) if plain else None


class RefuseNulMiddleware:
    """Answers 400 to addresses with a NUL, which no person types and PostgreSQL refuses.

    Forms refuse it by themselves, beside the field.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") or "\x00" in request.path_info:
            raise SuspiciousOperation("The address holds a NUL.")
        return self.get_response(request)
