"""Long work on work items."""

from celery import shared_task

from planning import services


@shared_task(soft_time_limit=570, time_limit=600)
def recompute_flow(project_key: str | None = None) -> None:
    """Apply the flow rules again after an admin changed one."""
    services.recompute_flow(project_key=project_key)
