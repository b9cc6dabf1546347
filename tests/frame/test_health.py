"""What supervisors and load balancers ask."""

import time

import pytest
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor


def test_the_process_is_up_without_anything_else(client):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


def test_everything_there(client, db):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["checks"] == {"database": "ok", "migrations": "ok", "broker": "ok"}
    assert "no-store" in response["Cache-Control"]


def test_an_absent_database_is_named_without_secrets(client, db, monkeypatch):
    def refuse(*args: object, **kwargs: object) -> None:
        raise OperationalError('connection to "db.internal" as "hub" failed: password hunter2')

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", refuse)
        response = client.get("/readyz")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert checks["database"] == "unreachable (OperationalError)"
    assert checks["broker"] == "ok"
    assert "hunter2" not in response.content.decode()
    assert "db.internal" not in response.content.decode()


def test_waiting_migrations_are_counted(client, db, monkeypatch):
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: [1, 2, 3])
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["migrations"] == "3 not applied"


@pytest.mark.parametrize(
    "address",
    [
        "redis://:hunter2@127.0.0.1:1/0",  # refused
        "redis://:hunter2@10.255.255.1:6379/0",  # never answers
        "redis+socket:///nowhere/at/all.sock?virtual_host=0",
    ],
)
def test_an_absent_broker_is_named_within_seconds(client, db, settings, address):
    settings.CELERY_BROKER_URL = address
    began = time.monotonic()
    response = client.get("/readyz")
    assert time.monotonic() - began < 6
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert checks["broker"].startswith("unreachable")
    assert checks["database"] == "ok"
    assert "hunter2" not in response.content.decode()


def test_signed_in_readers_learn_what_is_missing_too(ada, signed_in, monkeypatch):
    browser = signed_in(ada)

    def refuse(*args: object, **kwargs: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", refuse)
        assert browser.get("/healthz").status_code == 200
        response = browser.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "unreachable (OperationalError)"
