from django.urls import path

from playbook import views

app_name = "playbook"
urlpatterns = [
    path("playbook/", views.articles, name="articles"),
    path("playbook/<slug:slug>/", views.article, name="article"),
    path("tools/", views.tools, name="tools"),
    path("tools/<slug:slug>/", views.tool, name="tool"),
]
