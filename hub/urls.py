from django.urls import path

from hub import views

app_name = "hub"
urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views.search, name="search"),
    path("theme/", views.theme, name="theme"),
]
