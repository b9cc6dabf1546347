from django.apps import AppConfig


class PlanningConfig(AppConfig):
    name = "planning"

    def ready(self) -> None:
        from planning import subscribers, work_links

        work_links.register()
        subscribers.subscribe()
