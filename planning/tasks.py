"""Long work on work items."""

from celery import shared_task

from planning import decision_log, decisions, services


@shared_task(soft_time_limit=570, time_limit=600)
def recompute_flow(project_key: str | None = None) -> None:
    """Apply the flow rules again after an admin changed one."""
    services.recompute_flow(project_key=project_key)


@shared_task(soft_time_limit=110, time_limit=120)
def remind_of_second_looks() -> None:
    """Remind who decided, once, that a second look is due; a week later tell who leads."""
    for pk in decision_log.to_remind():
        decisions.remind_of(decision_id=pk)
