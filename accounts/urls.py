from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("teams/", views.teams, name="teams"),
    path("teams/<slug:slug>/", views.team, name="team"),
    path("people/", views.people, name="people"),
    path("people/<int:pk>/", views.person, name="person"),
    path("me/", views.me, name="me"),
    path("me/unsent/", views.unsent_forms, name="unsent"),
    path("me/unsent/<int:pk>/forget/", views.unsent_forget, name="unsent-forget"),
]
