"""A channel, kinds and a thing of another app, registered for one test."""

import pytest

from notices import kinds, subjects
from notices.kinds import register_kind


@pytest.fixture
def kind_of_news(monkeypatch):
    """A kind that goes out at once by default."""
    monkeypatch.setattr(kinds, "_kinds", dict(kinds._kinds))
    register_kind("test_news", "Test news", "Something happened in a test.", "at_once")
    return "test_news"


@pytest.fixture
def mutes(monkeypatch):
    """Teams can be muted; the list keeps who did what."""
    done = []
    monkeypatch.setattr(subjects, "_mutes", dict(subjects._mutes))
    subjects.register_mute("accounts.team", lambda *given: done.append(given))
    return done
