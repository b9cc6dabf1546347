from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "notices"

    def ready(self) -> None:
        from producthub.lib.frame import register_count

        register_count(
            "unread",
            "SELECT count(*) FROM notices_notice WHERE recipient_id = %(user)s AND read_at IS NULL"
            " AND release_at <= statement_timestamp()",
            lambda user: True,
        )
