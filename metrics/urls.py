from django.urls import path

from metrics import views

app_name = "metrics"
urlpatterns = [
    path("metrics/time-to-decision/", views.ttd, name="time-to-decision"),
]
