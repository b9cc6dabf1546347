from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "intake"

    def ready(self) -> None:
        from intake import decision_links, frame, hearing, session_notices, subscribers

        frame.register()
        decision_links.register()
        hearing.register()
        subscribers.subscribe()
        session_notices.register()
