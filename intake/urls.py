from django.urls import path, re_path

from intake import views

app_name = "intake"
urlpatterns = [
    path("requests/new/", views.request_new, name="request-new"),
    path("requests/mine/", views.request_mine, name="request-mine"),
    re_path(r"^requests/(?:REQ|req|Req)-(?P<number>\d{1,9})/?$", views.request_by_reference),
    path("requests/<int:number>/", views.request_detail, name="request"),
    path("requests/<int:number>/forms/<slug:name>/", views.request_form, name="request-form"),
    path("requests/<int:number>/triage/", views.request_triage, name="request-triage"),
    path("requests/<int:number>/take/", views.request_take, name="request-take"),
    path("requests/<int:number>/ask/", views.request_ask, name="request-ask"),
    path("requests/<int:number>/answer/", views.request_answer, name="request-answer"),
    path("requests/<int:number>/comment/", views.request_comment, name="request-comment"),
    path("requests/<int:number>/decide/", views.request_decide, name="request-decide"),
    path("requests/<int:number>/ship/", views.request_ship, name="request-ship"),
    path("triage/", views.triage, name="triage"),
]
