from django.urls import path

from hub import views, views_search

app_name = "hub"
urlpatterns = [
    path("", views.home, name="home"),
    path("search/", views_search.search, name="search"),
    path("search/palette/", views_search.palette, name="palette"),
    path("theme/", views.theme, name="theme"),
]
