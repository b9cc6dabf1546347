from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "intake"

    def ready(self) -> None:
        from intake import frame, hearing, subscribers

        frame.register()
        hearing.register()
        subscribers.subscribe()
