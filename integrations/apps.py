from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"

    def ready(self) -> None:
        import integrations.jira.handlers
        import integrations.mail.receiving
        import integrations.productboard.handlers  # noqa: F401  they register themselves
        from integrations import frame
        from integrations.origins import work_origin
        from integrations.selectors import jira_freshness
        from integrations.slack import channel, found, handlers
        from planning import freshness, origins

        frame.register()
        freshness.tell_with(jira_freshness)
        origins.tell_with(work_origin)
        channel.register()
        found.begin()
        handlers.subscribe()
