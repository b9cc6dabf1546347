"""What the integrations page says about the engine, and what happens when things are missing."""

import os
import time

import pytest
from django.core.cache import cache

from search import node, services, tasks
from search.selectors import engine_state


def test_without_files_words_come_from_the_database(db):
    services.index(kind="request", object_id=1, title="Export invoices")
    state = engine_state()
    assert (state.files, state.vectors, state.texts, state.tone) == ("absent", "off", 1, "warn")
    assert "from the database" in state.words
    assert "SEARCH_VECTORS" in state.meaning


def test_a_follower_makes_it_current_and_its_silence_is_told(machine):
    machine.add(1, "Export invoices")
    machine.step()
    assert (engine_state().files, engine_state().behind, engine_state().tone) == (
        "current",
        0,
        "good",
    )
    machine.add(2, "Darker nights")
    assert engine_state().behind == 1
    long_ago = time.time() - 3600
    os.utime(node.root() / "followed", (long_ago, long_ago))
    assert engine_state().files == "late"


def test_progress_of_vectors_is_counted(with_model, machine):
    machine.add(1, "Export invoices")
    machine.step()
    state = engine_state()
    assert (state.vectors, state.vectors_made, state.texts, state.tone) == ("making", 0, 1, "info")
    assert state.meaning.startswith("0 of 1 texts")
    tasks.embed_texts()
    machine.step()
    cache.clear()
    assert engine_state().vectors == "ready"


@pytest.mark.parametrize("installed", [True, False])
def test_the_integrations_page_tells_it(opsadmin, signed_in, monkeypatch, settings, installed):
    from search import embedder

    settings.SEARCH_VECTORS = True
    monkeypatch.setattr(embedder, "_is_installed", lambda: installed)
    page = signed_in(opsadmin).get("/integrations/").content.decode()
    assert "Similar requests" in page
    assert ("The sentence model is not installed" in page) != installed
