"""The admin site in the hub's colours, under the hub's sign-in."""

from django.contrib.admin.apps import AdminConfig


class ProductHubAdminConfig(AdminConfig):
    """Puts `producthub.admin.HubAdminSite` in the place of Django's site."""

    default_site = "producthub.admin.HubAdminSite"
