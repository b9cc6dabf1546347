"""A node of its own for each test: folder, follower, and vectors where the model is installed."""

import pytest
from django.db import connection

from search import embedder, learning, node, services
from search.engine import similar
from search.follower import Follower


@pytest.fixture(autouse=True)
def fresh_view(settings, tmp_path):
    """Nothing read before is remembered."""
    settings.SEARCH_DIR = str(tmp_path / "search")
    learning.forget_weights()
    node.forget_view()
    yield
    learning.forget_weights()


@pytest.fixture
def with_model(settings, monkeypatch):
    """Vectors are switched on, made when a test says so; left out without the group `semantic`."""
    monkeypatch.setattr(services, "ask_for_vectors", lambda: None)
    settings.SEARCH_VECTORS = True
    if not embedder.is_wanted():
        pytest.skip("requirements/semantic.txt is not installed")
    assert embedder.load() is not None


class Node:
    """What happens on one machine, step by step instead of every half second."""

    def __init__(self) -> None:
        node.root().mkdir(parents=True, exist_ok=True)
        self.follower = Follower()

    def add(self, number, title, body="", **more) -> None:
        services.index(kind="request", object_id=number, title=title, body=body, **more)

    def step(self) -> int:
        count = self.follower.step()
        node.forget_view()
        return count

    def found(self, title, body="", **more) -> list[int]:
        return [c.object_id for c in similar(title=title, body=body, **more).candidates]

    def by_files(self, title, body="") -> list[int]:
        """The same, but only what the files of the node know."""
        view = node.current_view()
        assert view is not None
        asked = view.words.ask("request", title, body)
        return [] if asked is None else list(view.words.best(asked, 10))


@pytest.fixture
def machine(transactional_db):
    """A machine that follows this database."""
    assert connection.vendor == "postgresql"
    machine = Node()
    yield machine
    machine.follower.close()
