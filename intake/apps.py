from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "intake"

    def ready(self) -> None:
        from intake import frame, subscribers

        frame.register()
        subscribers.subscribe()
