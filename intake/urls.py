from django.urls import path

from intake import views

app_name = "intake"
urlpatterns = [
    path("requests/new/", views.new, name="request-new"),
    path("requests/mine/", views.mine, name="request-mine"),
    path("triage/", views.triage, name="triage"),
]
