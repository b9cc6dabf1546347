"""Composition root: settings, URLs, the Celery app. No models."""

from producthub.celery import app as celery_app

__all__ = ["celery_app"]
