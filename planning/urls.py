from django.urls import path, re_path

from planning.views import decisions, work

app_name = "planning"
urlpatterns = [
    path("work/", work.work, name="work"),
    path("work/<str:key>/", work.work_item, name="work-item"),
    path("decisions/", decisions.log, name="decisions"),
    path("decisions/new/", decisions.decision_new, name="decision-new"),
    re_path(r"^decisions/(?:DEC|dec|Dec)-(?P<number>\d{1,9})/?$", decisions.decision_by_reference),
    path("decisions/<int:number>/", decisions.decision, name="decision"),
    path("decisions/<int:number>/look/", decisions.decision_look, name="decision-look"),
    path("decisions/<int:number>/link/", decisions.decision_link, name="decision-link"),
]
