from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "notices"

    def ready(self) -> None:
        from notices import mail
        from notices.channels import INBOX, MAIL, Channel, register_channel
        from producthub.lib.frame import register_count

        register_count(
            "unread",
            "SELECT count(*) FROM notices_notice WHERE recipient_id = %(user)s AND read_at IS NULL"
            " AND done_at IS NULL AND release_at <= statement_timestamp()"
            " AND (snoozed_until IS NULL OR snoozed_until <= statement_timestamp())",
            lambda user: True,
        )
        register_channel(
            Channel(
                INBOX,
                "Inbox",
                is_available=lambda person: not person.is_guest,
                deliver=lambda notice: None,  # the notice is the entry
                help="Always here.",
            )
        )
        register_channel(
            Channel(
                MAIL,
                "Mail",
                is_available=lambda person: bool(person.email),
                deliver=mail.send_notice,
                help="The daily digest comes by mail too.",
            )
        )
