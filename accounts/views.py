from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def teams(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return render(request, "hub/home.html")


def team(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return render(request, "hub/home.html")


def person(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return render(request, "hub/home.html")


def me(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return render(request, "hub/home.html")
