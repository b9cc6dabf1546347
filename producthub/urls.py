"""Every address of the hub, by app."""

from django.contrib import admin
from django.urls import include, path

from producthub import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics/prometheus", views.prometheus, name="prometheus"),
    path("accounts/", include("accounts.entrance_urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("notices.urls")),
    path("", include("playbook.urls")),
    path("", include("planning.urls")),
    path("", include("intake.urls")),
    path("", include("metrics.urls")),
    path("", include("integrations.urls")),
    path("", include("hub.urls")),
]

handler400 = "producthub.views.bad_request"
handler403 = "producthub.views.permission_denied"
handler404 = "producthub.views.not_found"
handler500 = "producthub.views.server_error"
handler429 = "producthub.views.too_many_requests"
