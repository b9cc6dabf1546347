"""What nobody has placed stands on one page, with its weight and the form that places it."""

import pytest
from django.utils import timezone

from integrations import unmapped
from integrations.models import FieldRule, IdentityLink, ItemLink
from planning.models import ProductEntity, WorkItem
from tests.factories import make_request
from tests.factories_work import make_row, make_statuses, upsert


@pytest.fixture
def held(db, ada, pm):
    make_statuses()
    upsert(*[make_row(number) for number in range(1, 4)])
    WorkItem.objects.update(assignee_account_id="acc-1", assignee_name="Ruben <b>")
    WorkItem.objects.filter(pk=WorkItem.objects.first().pk).update(phase="unmapped")
    for number, mail in enumerate(["ana@acme.example", "ANA@acme.example", pm.email.upper()]):
        ProductEntity.objects.create(
            source="productboard", upstream_id=f"e-{number}", name="F", type="feature",
            status="Planned", owner_email=mail, upstream_updated_at=timezone.now(),
        )  # fmt: skip
    for number in range(2):
        ItemLink.objects.create(
            source="productboard", kind="feature", upstream_id=f"e-{number}", label="F",
            subject_type="intake.request", subject_id=make_request(ada).pk,
            data={"status_id": "Planned"},
        )  # fmt: skip
    IdentityLink.objects.create(source="slack", upstream_id="U1", name="Sam", email="s@x.example")


def names(key):
    part = next(part for part in unmapped.parts() if part.key == key)
    return [(row.source.value, row.name, row.count) for row in part.rows]


def test_it_works(held, opsadmin, signed_in):
    assert names("statuses") == [("productboard", "Planned", 2)]
    assert names("people") == [
        ("jira", "Ruben <b>", 3), ("productboard", "ana@acme.example", 2), ("slack", "Sam", 0),
    ]  # fmt: skip
    assert ("productboard", "Title", 2) in names("fields")
    assert [count for *_, count in names("phases")] == [1]
    page = signed_in(opsadmin).get("/integrations/unmapped/").content.decode()
    assert "Ruben &lt;b&gt;" in page and "2 requests" in page


def test_each_row_leads_to_its_form_filled_in(held, admin, signed_in):
    browser = signed_in(admin)
    for part in unmapped.parts():
        for row in part.rows:
            assert browser.get(row.url.partition("#")[0]).status_code == 200, row.url
    page = browser.get("/integrations/mapping/?source=productboard&status=Planned")
    assert 'class="on"' in page.content.decode()


def test_what_was_placed_is_gone_from_it(held):
    FieldRule.objects.create(source="productboard", field="title", owner="ask")
    assert ("productboard", "Title", 2) not in names("fields")


def test_it_is_for_product_ops_and_its_queries_do_not_grow(
    held, pm, opsadmin, signed_in, django_assert_max_num_queries
):
    assert signed_in(pm).get("/integrations/unmapped/").status_code == 403
    with django_assert_max_num_queries(16):
        unmapped.parts()


def test_with_nothing_read_each_part_says_so(db, opsadmin, signed_in):
    page = signed_in(opsadmin).get("/integrations/unmapped/").content.decode()
    assert "Each status that a request stands in elsewhere has a rule." in page
