"""The integrations page: who sees it, what it says, what its buttons do."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import selectors, tasks
from integrations.models import SourceState, SyncError, SyncRun
from tests.factories_work import held_elsewhere, make_run
from tests.fakes.productboard import FakeProductboard


@pytest.fixture
def ops(signed_in, opsadmin):
    return signed_in(opsadmin)


@pytest.fixture
def connected(settings):
    settings.JIRA_BASE_URL = "http://127.0.0.1:9"
    settings.JIRA_API_TOKEN = "token"


@pytest.fixture
def queued(monkeypatch):
    calls = []
    for task in (tasks.sync_jira, tasks.retry_item):
        monkeypatch.setattr(task, "apply_async", lambda kwargs: calls.append(kwargs))
    return calls


def make_error(**fields):
    values = {
        "source": "jira",
        "upstream_id": "77",
        "label": "BIL-77",
        "stage": "item",
        "message": "The field 'updated' is missing.",
        "last_at": timezone.now(),
    }
    values.update(fields)
    return SyncError.objects.create(**values)


def test_it_works(ops, connected):
    make_run(message="214 issues read, 9 changed.")
    page = ops.get("/integrations/").content.decode()
    assert "Healthy" in page
    assert "214 issues read, 9 changed." in page
    assert "Last sync" in page and "just now" in page


def test_it_explains_how_to_connect(ops):
    page = ops.get("/integrations/").content.decode()
    assert "Connect Jira" in page
    assert "JIRA_API_TOKEN" in page
    assert "Sync now" not in page


@pytest.mark.parametrize("path", ["/integrations/", "/integrations/runs/", "/integrations/runs/1/"])
def test_it_is_for_product_ops(signed_in, pm, ada, path):
    assert signed_in(pm).get(path).status_code == 403
    assert signed_in(ada).get(path).status_code == 403


@pytest.mark.parametrize("path", ["/integrations/jira/sync/", "/integrations/errors/1/retry/"])
def test_its_buttons_are_for_product_ops(signed_in, pm, opsadmin, connected, queued, path):
    make_error(pk=1)
    assert signed_in(pm).post(path).status_code == 403
    assert signed_in(opsadmin).get(path).status_code == 405
    assert not queued


def test_sync_now_queues_a_run(ops, opsadmin, connected, queued):
    answer = ops.post("/integrations/jira/sync/", follow=True)
    assert answer.redirect_chain[0][1] == 303
    assert "The sync was started." in answer.content.decode()
    assert queued == [{"trigger": "person", "started_by_id": opsadmin.pk}]


def test_sync_now_answers_with_the_fragment(ops, connected, queued):
    answer = ops.post("/integrations/jira/sync/", headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert page.lstrip().startswith('<div id="sources"')
    assert 'data-said="The sync was started."' in page
    assert 'hx-get="/integrations/"' in page


def test_sync_now_says_when_the_queue_is_away(ops, connected, monkeypatch):
    def refuse(**options):
        raise OSError("broker")

    monkeypatch.setattr(tasks.sync_jira, "apply_async", refuse)
    page = ops.post("/integrations/jira/sync/", follow=True).content.decode()
    assert "The job queue is away, so nothing was started." in page


def test_sync_now_does_not_start_a_second_run(ops, connected, queued, transactional_db):
    make_run("running", ended_at=None)
    with held_elsewhere():
        page = ops.post("/integrations/jira/sync/", follow=True).content.decode()
    assert "A sync is running already." in page
    assert not queued


def test_sync_now_starts_after_a_killed_run(ops, connected, queued):
    make_run("running", ended_at=None)
    ops.post("/integrations/jira/sync/")
    assert queued


def test_sync_now_knows_its_sources(ops, connected):
    assert ops.post("/integrations/elsewhere/sync/").status_code == 404


def test_sync_now_without_credentials_says_so(ops, queued):
    page = ops.post("/integrations/jira/sync/", follow=True).content.decode()
    assert "Jira is not connected yet." in page
    assert not queued


def test_a_bad_item_can_be_retried(ops, connected, queued):
    error = make_error()
    page = ops.get("/integrations/").content.decode()
    assert "BIL-77" in page and "The field &#x27;updated&#x27; is missing." in page
    page = ops.post(f"/integrations/errors/{error.pk}/retry/", follow=True).content.decode()
    assert "BIL-77 is read again." in page
    assert queued == [{"error_id": error.pk}]


def test_a_mended_item_is_not_read_again(ops, connected, queued):
    error = make_error(resolved_at=timezone.now())
    page = ops.post(f"/integrations/errors/{error.pk}/retry/", follow=True).content.decode()
    assert "was read well in the meantime" in page
    assert not queued


@pytest.mark.parametrize(
    "status,word",
    [
        ("failed", "Failing"),
        ("waiting", "Delayed"),
        ("interrupted", "Interrupted"),
        ("running", "Interrupted"),
        ("done", "Healthy"),
    ],
)
def test_it_names_the_health(ops, connected, status, word):
    make_run(status, message="Jira is in trouble (502).")
    page = ops.get("/integrations/").content.decode()
    assert word in page


def test_it_says_when_nothing_ran_for_a_while(ops, connected):
    old = timezone.now() - timedelta(hours=3)
    make_run(started_at=old, ended_at=old)
    SourceState.objects.update(watermark_at=old)
    page = ops.get("/integrations/").content.decode()
    assert "Delayed" in page and "Is a worker running?" in page
    assert "3 hours" in page


def test_only_problems_shows_only_them(ops, connected):
    make_run("failed", message="It broke.")
    make_run(message="All well.")
    page = ops.get("/integrations/?only=errors").content.decode()
    assert "It broke." in page
    assert "All well." not in page


def test_a_run_has_a_page(ops, connected):
    run = make_run(message="214 issues read, 9 changed.", seen=214, is_resumed=True)
    make_error(run=run)
    page = ops.get(f"/integrations/runs/{run.pk}/").content.decode()
    assert "214" in page and "went on from an earlier run" in page
    assert "BIL-77" in page
    assert ops.get("/integrations/runs/").status_code == 200
    assert ops.get("/integrations/runs/99999/").status_code == 404


def test_it_costs_few_queries(ops, connected, django_assert_max_num_queries):
    for number in range(60):
        make_run("failed" if number % 5 == 0 else "done", message="x")
        make_error(upstream_id=str(number))
    with django_assert_max_num_queries(13):
        ops.get("/integrations/")
    with django_assert_max_num_queries(13):
        ops.get("/integrations/runs/")


def test_troubled_counts_connected_sources(db, settings, django_assert_num_queries, connected):
    make_run()
    with django_assert_num_queries(1):
        assert selectors.troubled_count() == 0
    make_run("failed")
    assert selectors.troubled_count() == 1
    settings.JIRA_API_TOKEN = ""
    with django_assert_num_queries(0):
        assert selectors.troubled_count() == 0


def test_a_stale_source_is_troubled(db, connected):
    make_run()
    SourceState.objects.update(last_success_at=timezone.now() - timedelta(hours=1))
    assert selectors.troubled_count() == 1
    assert selectors.jira_freshness().is_stale
    SyncRun.objects.all().delete()
    assert selectors.troubled_count() == 1


def test_it_says_that_the_first_sync_runs(ops, connected):
    make_run("running", ended_at=None)
    with held_elsewhere():
        page = ops.get("/integrations/").content.decode()
    assert "First sync" in page and "Syncing now" in page


def test_each_source_has_a_card(ops, connected, settings):
    page = ops.get("/integrations/").content.decode()
    assert "Connect Productboard" in page and "PRODUCTBOARD_API_TOKEN" in page
    settings.PRODUCTBOARD_API_TOKEN = "secret-token"
    page = ops.get("/integrations/").content.decode()
    assert "Connect Productboard" not in page and "/integrations/productboard/sync/" in page
    assert "secret-token" not in page


def test_a_connection_can_be_tested(ops, settings):
    with FakeProductboard() as board:
        settings.PRODUCTBOARD_BASE_URL = board.url
        settings.PRODUCTBOARD_API_TOKEN = board.token
        page = ops.post("/integrations/productboard/test/", follow=True).content.decode()
        assert "Productboard answers. The token reads features" in page
        board.token = "renewed"
        page = ops.post("/integrations/productboard/test/", follow=True).content.decode()
        assert "Productboard refused the token (401)." in page
        assert SourceState.objects.get().refused_credentials
        board.token = settings.PRODUCTBOARD_API_TOKEN
        ops.post("/integrations/productboard/test/")
        assert not SourceState.objects.get().refused_credentials


def test_only_product_ops_may_test_a_connection(signed_in, pm):
    assert signed_in(pm).post("/integrations/productboard/test/").status_code == 403


@pytest.mark.parametrize(
    ("days", "told"),
    [(15, ""), (14, "The token ends on"), (0, "The token ends on"), (-1, "The token ended on")],
)
def test_a_token_that_ends_is_told_fourteen_days_ahead(ops, connected, days, told):
    make_run()
    ends = timezone.localdate() + timedelta(days=days)
    SourceState.objects.filter(source="jira").update(token_expires_on=ends)
    page = ops.get("/integrations/").content.decode()
    assert ("Token ends" in page) is bool(told)
    assert told in page


def test_an_admin_notes_the_day_and_nothing_else_is_written(ops):
    make_run()
    state = SourceState.objects.get(source="jira")
    address = f"/admin/integrations/sourcestate/{state.pk}/change/"
    assert "refused_credentials" not in ops.get(address).content.decode()
    ops.post(address, {"token_expires_on": "2027-03-01", "scope": "taken over"})
    after = SourceState.objects.get(pk=state.pk)
    assert str(after.token_expires_on) == "2027-03-01"
    assert (after.scope, after.watermark_at) == (state.scope, state.watermark_at)
