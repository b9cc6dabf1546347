from django.urls import path

from planning import views

app_name = "planning"
urlpatterns = [
    path("work/", views.work, name="work"),
    path("work/<str:key>/", views.work_item, name="work-item"),
]
