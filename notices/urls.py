from django.urls import path

from notices import views

app_name = "notices"
urlpatterns = [
    path("inbox/", views.inbox, name="inbox"),
    path("inbox/read/", views.read_all, name="read-all"),
    path("inbox/preferences/", views.preferences, name="preferences"),
    path("inbox/stop/<str:token>/", views.stop, name="stop"),
    path("inbox/<int:pk>/open/", views.notice_open, name="open"),
    path("inbox/<int:pk>/move/", views.notice_move, name="move"),
]
