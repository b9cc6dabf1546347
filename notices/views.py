from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def inbox(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return render(request, "hub/home.html")
