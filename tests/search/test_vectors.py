"""Meaning beside words: making vectors, keeping them, finding by them."""

import pytest
from django.db import connection

from search import embedder, node, services, tasks
from search.engine import similar
from search.models import SearchEntry, TextVector
from search.wordpiece import BadVocabulary, WordPiece


def test_texts_are_cut_as_the_model_learnt_it():
    pieces = WordPiece()
    assert pieces.encode("Hello, world!", 128) == [101, 7592, 1010, 2088, 999, 102]
    assert pieces.encode("unaffable ÉMILE", 128) == [101, 14477, 20961, 3468, 17127, 102]
    assert pieces.encode("中文", 128) == [101, 1746, 1861, 102]
    assert len(pieces.encode("word " * 5000, 128)) == 128
    assert pieces.encode("a" * 200, 128) == [101, 100, 102]
    assert pieces.encode("\x00\u202e\ufffd", 128) == [101, 102]


def test_another_vocabulary_is_refused(tmp_path):
    with pytest.raises(BadVocabulary):
        WordPiece(tmp_path / "missing.txt")
    (tmp_path / "vocab.txt").write_text("[CLS]\n[SEP]\n")
    with pytest.raises(BadVocabulary):
        WordPiece(tmp_path / "vocab.txt")


def test_other_words_for_the_same_wish_are_found_by_meaning(with_model, machine):
    machine.add(1, "Export invoices to a spreadsheet")
    machine.add(2, "Darker colours for night shifts")
    machine.add(3, "Reset a forgotten password")
    tasks.embed_texts()
    machine.step()
    found = similar(title="download bills as Excel file ")
    assert found.has_vectors
    assert found.candidates[0].object_id == 1
    assert found.candidates[0].is_by_meaning
    assert found.candidates[0].words == ()
    near = similar(title="Export invoices to a spreadsheet")
    assert near.confidence > 0.9 > found.confidence
    assert not near.candidates[0].is_by_meaning


def test_a_vector_is_made_once_for_a_text_and_by_whoever_has_it(with_model, machine):
    machine.add(1, "Export invoices")
    machine.add(2, "Export invoices")
    assert services.missing_vectors().count() == 2
    tasks.embed_texts()
    made = TextVector.objects.get()
    assert (made.model, len(made.vector)) == (embedder.VERSION, 388)
    machine.add(3, "Export invoices")
    tasks.embed_texts()
    assert TextVector.objects.count() == 1
    machine.step()
    assert node.read_manifest().vectors == 3


def test_indexing_has_vectors_made(transactional_db, settings):
    settings.SEARCH_VECTORS = True
    services.index(kind="request", object_id=1, title="Export invoices")
    assert TextVector.objects.count() == (1 if embedder.is_wanted() else 0)


def test_making_vectors_goes_on_where_it_was_stopped(with_model, transactional_db):
    services.index_many(services.Row("request", n, f"Request about topic{n}") for n in range(1, 6))
    assert services.embed_missing(seconds=0) is True  # one text, then time is up
    assert TextVector.objects.count() == 1
    kept = TextVector.objects.values().get()
    while services.embed_missing(seconds=0):
        pass
    assert TextVector.objects.count() == 5
    assert TextVector.objects.filter(pk=kept["id"]).values().get() == kept
    assert services.embed_missing(seconds=5) is False


def test_two_never_embed_at_once(with_model, transactional_db):
    services.index(kind="request", object_id=1, title="Export invoices")
    with another_connection() as other:
        other.execute("SELECT pg_advisory_lock(%s)", [services._EMBEDDING])
        assert services.embed_missing(seconds=5) is False
        assert not TextVector.objects.exists()
        other.execute("SELECT pg_advisory_unlock(%s)", [services._EMBEDDING])
    assert services.embed_missing(seconds=5) is False
    assert TextVector.objects.count() == 1


def another_connection():
    import psycopg

    settings = connection.get_connection_params()
    kept = {name: settings[name] for name in ("dbname", "host", "user", "port") if name in settings}
    return psycopg.connect(**kept, autocommit=True)


def test_a_changed_text_gets_its_own_vector_and_the_old_one_counts_no_more(with_model, machine):
    machine.add(1, "Export invoices to a spreadsheet")
    tasks.embed_texts()
    machine.step()
    machine.add(1, "Darker colours for night shifts")
    machine.step()
    assert not similar(title="download bills as Excel file ").candidates
    tasks.embed_texts()
    machine.step()
    assert machine.found("dimmed screen in the evening ")[0] == 1
    services.tidy()
    assert TextVector.objects.count() == 1


def test_vectors_survive_a_restart_and_a_torn_end(with_model, machine):
    from search.follower import Follower

    machine.add(1, "Export invoices to a spreadsheet")
    machine.add(2, "Darker colours for night shifts")
    tasks.embed_texts()
    machine.step()
    folder = node.read_manifest().folder
    machine.follower.close()
    with (folder / "vectors.bytes").open("ab") as file:
        file.write(b"torn")
    machine.follower = Follower()
    assert machine.follower.manifest.generation == 1
    machine.add(3, "Reset a forgotten password")
    tasks.embed_texts()
    machine.step()
    assert machine.found("sign in again after losing my passphrase ")[0] == 3
    (folder / "vectors.bytes").write_bytes(b"")
    machine.follower.close()
    machine.follower = Follower()
    assert machine.follower.manifest.generation == 2
    node.forget_view()
    assert machine.found("sign in again after losing my passphrase ")[0] == 3


def test_the_first_look_finds_what_an_exact_look_finds(with_model, tmp_path):
    import numpy as np

    from search.vectors import VectorReader, VectorWriter, pack

    dice = np.random.default_rng(3)
    vectors = dice.normal(size=(5000, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    writer = VectorWriter(tmp_path, 0)
    for number, vector in enumerate(vectors, start=1):
        writer.put(number, "request" if number % 2 else "page", f"text {number}", pack(vector))
    writer.remove(11)
    writer.commit()
    reader = VectorReader(tmp_path, writer.count)
    for number in (1, 501, 4999):
        asked = vectors[number - 1] + dice.normal(0, 0.03, 384).astype(np.float32)
        best = reader.best(asked / np.linalg.norm(asked), "request", 10)
        assert max(best, key=best.get) == number
        assert all(entry % 2 for entry in best)
    assert 11 not in reader.best(vectors[10], "request", 10)
    known, values = reader.of([1, 11, 3, 99999])
    assert known == [1, 3]
    assert np.allclose(values, vectors[[0, 2]], atol=0.01)


def test_while_the_model_loads_words_alone_answer(with_model, machine, monkeypatch):
    machine.add(1, "Export invoices")
    tasks.embed_texts()
    machine.step()
    monkeypatch.setattr(embedder, "_loaded", {})
    monkeypatch.setattr(embedder, "_loading", {__import__("os").getpid()})
    found = similar(title="export invoices")
    assert not found.has_vectors
    assert found.candidates[0].object_id == 1


def test_a_wrong_model_file_is_not_run(with_model, monkeypatch):
    monkeypatch.setattr(embedder, "_loaded", {})
    monkeypatch.setattr(embedder, "MODEL_SHA256", "0" * 64)
    assert embedder.load() is None
    assert embedder.typed_vector("export") is None


def test_without_the_packages_nothing_is_asked_for(db, settings, monkeypatch):
    settings.SEARCH_VECTORS = True
    monkeypatch.setattr(embedder, "_is_installed", lambda: False)
    services.index(kind="request", object_id=1, title="Export invoices")
    assert services.embed_missing(seconds=5) is False
    assert [c.object_id for c in similar(title="export invoices").candidates] == [1]
    assert SearchEntry.objects.count() == 1


@pytest.mark.parametrize("text", ["\x00", "😀" * 500, "\u202eשלום", "a" * 100_000, "1 " * 9999, ""])
def test_odd_texts_have_vectors_too(with_model, text):
    vector = embedder.load().vector(text)
    assert abs(float((vector**2).sum()) - 1) < 1e-3
