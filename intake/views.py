from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def new(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return render(request, "hub/home.html")


def mine(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return render(request, "hub/home.html")


def triage(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return render(request, "hub/home.html")
