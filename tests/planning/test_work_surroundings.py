"""What stands around an item, on its page and in the list's filter."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache

from planning import services, tracker
from planning.models import Sprint, SprintStay, WorkComment, WorkItem, WorkLink, WorkText
from planning.tracker import Related
from tests.factories_work import make_row, make_statuses

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def reader(signed_in, ada):
    return signed_in(ada)


def write(*rows, **related):
    make_statuses()
    services.upsert_work_items(
        source="jira",
        site_url="https://harbourline.example",
        items=rows,
        moves=[],
        complete={row.upstream_id for row in rows},
        related=Related(**related),
    )


def adf(words):
    content = [{"type": "paragraph", "content": [{"type": "text", "text": words}]}]
    return json.dumps({"type": "doc", "version": 1, "content": content})


def link(owner, pk="900", first=("1", "PLT-1"), second=("2", "PLT-2")):
    return (owner, pk, "Blocks", "blocks", "is blocked by", *first, *second)


def text(answer):
    return answer.content.decode()


def test_the_page_shows_all_of_it(reader, django_assert_max_num_queries):
    sprint = Sprint.objects.create(
        source="jira", upstream_id="7", name="Vaart 7", state="active", starts_at=START
    )
    write(
        make_row(1, parent_key="PLT-2", story_points=3.0, sprint_ids="7", version_ids="40"),
        make_row(2, title="The other end"),
        sprints=[("7", "Vaart 7", "active")],
        versions=[("40", "1.0", "20001")],
        sprint_changes=[("1", "h1", 0, (START + DAY).isoformat(), "", "7", "Ada")],
        links=[link("1"), link("2")],
        texts=[("1", adf("Hold <photos>"))],
        comments=[("1", "c1", "Ruben", adf("Seen"), START.isoformat(), START.isoformat())],
    )
    item = WorkItem.objects.get(upstream_id="1")
    tracker.save_remote_links(
        item,
        [
            {"upstream_id": "1", "title": "A page", "url": "https://wiki.example/1",
             "summary": "", "application": "Wiki"},
            {"upstream_id": "2", "title": "A trap", "url": "javascript:alert(1)",
             "summary": "", "application": ""},
        ],
        read_at=START,
    )  # fmt: skip
    tracker.save_work_logs(
        source="jira",
        rows=[{"upstream_id": "5", "item": "1", "author_name": "Priya", "started_at": START,
               "spent_seconds": 5400, "document": "", "updated_at": START}],
    )  # fmt: skip
    reader.get("/work/PLT-2/")  # the first page of a day notes that somebody was here
    with django_assert_max_num_queries(12):
        page = text(reader.get("/work/PLT-1/"))
    for words in (
        "<p>Hold &lt;photos&gt;</p>", "Vaart 7", "Added after the start", "?version=40", "Blocks",
        "The other end", "https://wiki.example/1", "<p>Seen</p>", "1.5 hours", "Story points",
    ):  # fmt: skip
        assert words in page, words
    assert "A trap" not in page
    assert "Is blocked by" in text(reader.get("/work/PLT-2/"))
    assert SprintStay.objects.get().sprint == sprint


@pytest.mark.django_db
class TestWriting:
    def test_a_link_is_one_row_whichever_end_is_read(self):
        write(make_row(1), make_row(2), links=[link("1"), link("2")])
        write(make_row(2, updated=START + DAY), links=[link("2")])
        assert WorkLink.objects.count() == 1
        write(make_row(1, updated=START + DAY))
        assert not WorkLink.objects.exists()

    def test_texts_and_comments_follow(self):
        said = ("1", "c1", "Ruben", adf("Seen"), START.isoformat(), START.isoformat())
        write(make_row(1), texts=[("1", adf("a"))], comments=[said])
        write(make_row(1, updated=START + DAY), texts=[("1", adf("b"))])
        assert WorkText.objects.get().document == adf("b")
        assert not WorkComment.objects.exists()
        write(make_row(1, updated=START + 2 * DAY))
        assert not WorkText.objects.exists()

    def test_an_older_version_changes_nothing(self):
        write(make_row(1, updated=START + DAY), texts=[("1", adf("new"))])
        write(make_row(1, updated=START), texts=[("1", adf("old"))], links=[link("1")])
        assert WorkText.objects.get().document == adf("new")
        assert not WorkLink.objects.exists()

    def test_the_same_again_writes_no_row(self):
        def once():
            write(
                make_row(1, sprint_ids="7"),
                sprints=[("7", "Vaart 7", "active")],
                links=[link("1")],
                texts=[("1", adf("a"))],
                sprint_changes=[("1", "h1", 0, START.isoformat(), "", "7", "Ada")],
            )
            tables = (WorkItem, WorkLink, WorkText, SprintStay, Sprint)
            return [
                list(model.objects.extra(select={"v": f"{model._meta.db_table}.xmin::text"})
                     .values_list("pk", "v"))
                for model in tables
            ]  # fmt: skip

        assert once() == once()


def test_the_list_narrows_to_a_sprint_and_a_version(reader):
    cache.clear()
    write(
        make_row(1, title="In both", sprint_ids="7", version_ids="40"),
        make_row(2, title="In neither"),
        sprints=[("7", "Vaart 7", "active")],
        versions=[("40", "1.0", "20001")],
    )
    page = text(reader.get("/work/"))
    assert '<option value="7">Vaart 7</option>' in page
    assert '<option value="40">1.0</option>' in page
    for query in ("sprint=7", "version=40", "sprint=7&version=40"):
        page = text(reader.get(f"/work/?{query}"))
        assert "In both" in page and "In neither" not in page
    assert "Nothing matches" in text(reader.get("/work/?sprint=8"))
