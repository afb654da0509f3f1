"""Work items without a session behind them."""

from django.utils import timezone

from agents.models import Environment, WorkItem


def make_work(environment_id: str, session_id: str = "sesn_none", **columns) -> WorkItem:
    environment = Environment.objects.get(pk=environment_id)
    return WorkItem.objects.create(
        workspace=environment.workspace,
        environment=environment,
        session_id=f"{session_id}_{WorkItem.objects.count()}" if session_id == "sesn_none" else session_id,
        available_at=timezone.now(),
        **columns,
    )
