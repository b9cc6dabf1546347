"""The link table: what it calls matched, suggested, conflicting and orphan, and who sees it."""

import pytest
from django.utils import timezone

from intake.models import Visibility
from integrations import linking
from integrations.models import ItemLink, JiraConnection
from planning.models import ProductEntity
from tests.factories import make_request
from tests.factories_work import make_row, make_statuses, upsert


def entity(number, name, **fields):
    return ProductEntity.objects.create(
        source="productboard",
        upstream_id=f"e-{number}",
        name=name,
        upstream_updated_at=timezone.now(),
        **{"type": "feature", **fields},
    )


def connect(entity_id, issue_id, key="", site="int-1"):
    JiraConnection.objects.create(
        integration_id=site, integration_name=site, entity_id=entity_id, issue_id=issue_id,
        issue_key=key,
    )  # fmt: skip


@pytest.fixture
def issues(db):
    make_statuses()
    rows = [make_row(number, title=f"Issue title {number}") for number in range(1, 8)]
    upsert(*rows)
    return rows


def shown(client, **query):
    rows = client.get("/integrations/links/", query).context["rows"]
    return [
        (
            str(row.state),
            row.entity.name if row.entity else "",
            row.issue.key if row.issue else "",
            [side.key for side in row.requests],
        )
        for row, _ in rows
    ]


@pytest.fixture
def by_pm(signed_in, pm):
    return signed_in(pm)


def test_it_works(by_pm, issues, ada):
    entity(1, "Bulk export")
    connect("e-1", issues[0].upstream_id, "OLD-1")  # its key has changed since
    entity(2, "issue TITLE 2")
    entity(3, "Alone")
    entity(4, "First claim"), entity(5, "Second claim")
    connect("e-4", issues[3].upstream_id)
    connect("e-5", issues[3].upstream_id)
    item = make_request(ada)
    ItemLink.objects.create(
        source="jira", kind="issue", upstream_id=issues[0].upstream_id,
        subject_type="intake.request", subject_id=item.pk,
    )  # fmt: skip
    assert sorted(shown(by_pm)) == sorted(
        [
            ("conflicting", "First claim", issues[3].key, []),
            ("conflicting", "Second claim", issues[3].key, []),
            ("suggested", "issue TITLE 2", issues[1].key, []),
            ("matched", "Bulk export", issues[0].key, [item.reference]),
            ("orphan", "Alone", "", []),
        ]
    )
    assert [row[0] for row in shown(by_pm)][-1] == "orphan"


def test_it_filters_and_exports(by_pm, issues):
    entity(1, "=Bulk export")
    entity(2, "issue title 2")
    assert [row[1] for row in shown(by_pm, state="orphan")] == ["=Bulk export"]
    assert [row[1] for row in shown(by_pm, q="bulk")] == ["=Bulk export"]
    assert shown(by_pm, q="nothing like it") == []
    reply = by_pm.get("/integrations/links/", {"format": "csv", "state": "orphan"})
    lines = b"".join(reply.streaming_content).decode().splitlines()
    assert len(lines) == 2
    assert "'=Bulk export" in lines[1]


def test_an_id_of_another_site_is_no_match(by_pm, issues):
    for number in (1, 2):
        entity(number, f"Feature {number}")
    connect("e-1", issues[0].upstream_id, issues[0].key, "ours")
    connect("e-2", issues[0].upstream_id, "THEIRS-9", "theirs")
    assert [(row[0], row[2]) for row in shown(by_pm)] == [
        ("matched", issues[0].key),
        ("orphan", "THEIRS-9"),
    ]


def test_parents_and_labels_say_more_than_titles(by_pm, issues):
    entity(9, "An initiative", type="initiative")
    connect("e-9", issues[6].upstream_id, issues[6].key)
    upsert(
        make_row(20, title="Same words", key="ZZZ-20", parent_key=issues[6].key),
        make_row(21, title="Same words", key="AAA-21"),
        make_row(22, title="Other", key="LAB-22", labels="e-11"),
    )
    entity(10, "Same words", parent_upstream_id="e-9")
    entity(11, "Labelled")
    found = {row[1]: row[2] for row in shown(by_pm, state="suggested")}
    assert found == {"Same words": "ZZZ-20", "Labelled": "LAB-22"}


def test_requests_that_a_reader_may_not_see_are_left_out(issues, ada, pm, outsider):
    item = make_request(ada, visibility=Visibility.PRIVATE)
    ItemLink.objects.create(
        source="jira", kind="issue", upstream_id=issues[0].upstream_id,
        subject_type="intake.request", subject_id=item.pk,
    )  # fmt: skip
    assert [side.key for row in linking.link_rows(pm) for side in row.requests] == [item.reference]
    assert linking.link_rows(outsider) == []


def test_it_is_for_product_managers(signed_in, ada):
    assert signed_in(ada).get("/integrations/links/").status_code == 403


def test_it_asks_as_often_for_200_rows_as_for_one(by_pm, issues, django_assert_max_num_queries):
    for number in range(200):
        entity(number, f"Feature {number}")
        connect(f"e-{number}", str(90000 + number))
    by_pm.get("/integrations/links/")
    with django_assert_max_num_queries(14):
        by_pm.get("/integrations/links/")


def test_what_stands_for_the_same_request_is_suggested(by_pm, issues, ada):
    entity(1, "Bulk export")
    item = make_request(ada)
    for source, kind, upstream_id in (
        ("productboard", "feature", "e-1"), ("jira", "issue", issues[0].upstream_id),
    ):  # fmt: skip
        ItemLink.objects.create(
            source=source, kind=kind, upstream_id=upstream_id,
            subject_type="intake.request", subject_id=item.pk,
        )  # fmt: skip
    assert shown(by_pm) == [("suggested", "Bulk export", issues[0].key, [item.reference])]
