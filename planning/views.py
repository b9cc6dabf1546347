from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def work(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return render(request, "hub/home.html")
