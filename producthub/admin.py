"""One admin site: Django's own pages, our sign-in page, our colours."""

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse


class HubAdminSite(admin.AdminSite):
    """Sign-in goes through the hub's page, so that second factor and throttling hold here too."""

    site_header = "ProductHub admin"
    site_title = "ProductHub admin"
    index_title = "What Product Ops keeps"

    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """Send strangers to the hub's sign-in, and tell signed-in people who may enter."""
        if request.user.is_authenticated:
            raise PermissionDenied("Admin is for Product Ops.")
        return redirect_to_login(request.get_full_path(), reverse("account_login"))
