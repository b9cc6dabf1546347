from django.urls import path

from playbook import views

app_name = "playbook"
urlpatterns = [
    path("tools/", views.tools, name="tools"),
    path("tools/<slug:slug>/", views.tool, name="tool"),
]
