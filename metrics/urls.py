from django.urls import path
from django.views.generic import RedirectView

from metrics import views

app_name = "metrics"
urlpatterns = [
    path(
        "metrics/",
        RedirectView.as_view(pattern_name="metrics:time-to-decision", query_string=True),
        name="index",
    ),
    path("metrics/time-to-decision/", views.time_to_decision, name="time-to-decision"),
]
