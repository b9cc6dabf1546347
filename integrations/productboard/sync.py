"""Productboard into the hub: fields, entities by type, relationships, Jira connections, people.

Each page is one transaction. A type that has been read to its end is noted in the cursor, so
that a run that was stopped goes on with the next. The watermark moves only after the whole run,
and to the moment the run began. Once a day everything is read and ids are compared.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import DataError, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations import circuit, runs, shared_fields
from integrations.errors import (
    CredentialsRefused,
    NotConfigured,
    NotFound,
    QueryRefused,
)
from integrations.http import storable
from integrations.models import Source, SourceState, SyncError, SyncRun
from integrations.productboard import features, mapping, note_updates, people
from integrations.productboard.client import ProductboardClient, ScopeMissing
from integrations.productboard.coming_back import follow_links
from integrations.productboard.config import NEEDS, fingerprint, productboard_config
from planning import product
from planning.models import ProductEntity

PB = Source.PRODUCTBOARD
OVERLAP_MINUTES = 10
ENTITY_TYPES = (
    "product", "component", "feature", "subfeature", "initiative", "objective", "keyResult",
    "release", "releaseGroup",
)  # fmt: skip
FULL_EVERY = timedelta(hours=24)
CURSOR_DAYS = 1
# If more than this share vanishes at once, rights changed rather than entities.
MAX_VANISHED_SHARE = 0.05
MAX_VANISHED_UNCHECKED = 10
MAX_RETRIES_A_RUN = 5
MAX_ATTEMPTS = 10

Progress = Callable[[SyncRun, int | None], Any]


def sync_productboard(
    *,
    trigger: str,
    full: bool = False,
    started_by_id: int | None = None,
    max_seconds: float | None = None,
    progress: Progress | None = None,
    sleep: Callable[[float], Any] = time.sleep,
) -> SyncRun | None:
    """Read what changed, or everything with `full` and once a day; returns the run.

    None when a scheduled run has nothing to try: Productboard asked for a pause, or refused this
    token. Ends early, to be continued, after `max_seconds`. Raises NotConfigured and
    AlreadyRunning.
    """
    config = productboard_config()
    if config is None:
        raise NotConfigured(f"Productboard is off. {NEEDS}")
    with runs.only_one(PB):
        state, _ = SourceState.objects.get_or_create(source=PB)
        if trigger == SyncRun.Trigger.SCHEDULE and runs.must_rest(state, fingerprint(config)):
            return None
        run = runs.open_run(PB, trigger=trigger, started_by_id=started_by_id, is_full=full)
        with runs.to_an_end(run, refused=_refused):
            client = ProductboardClient(config, sleep=sleep)
            try:
                finished = ProductboardSync(run, state, client, max_seconds, progress).run_all()
            finally:
                run.requests = client.requests
                client.close()
            if not finished:
                runs.close_run(run, SyncRun.Status.WAITING, runs.GOES_ON)
        return run


def _refused(error: CredentialsRefused) -> dict[str, str]:
    circuit.refused(PB, str(error))
    return {}


class ProductboardSync:
    """One run over one workspace; without a run, single entities are read again."""

    def __init__(
        self,
        run: SyncRun | None,
        state: SourceState,
        client: ProductboardClient,
        max_seconds: float | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.run = run
        self.state = state
        self.client = client
        self.progress = progress
        self.deadline = time.monotonic() + max_seconds if max_seconds else None
        self.open_errors = runs.open_error_ids(PB)
        self.vanished = 0
        self.wants_full = False

    def run_all(self) -> bool:
        """Read to the end; False when the time was up first. Closes the run when done."""
        assert self.run is not None
        cursor = self._cursor()
        since = parse_datetime(cursor["since"]) if cursor["since"] else None
        types = self._types()
        for entity_type in types:
            if entity_type in cursor["done"]:
                continue
            with self.family(f"entities of type {entity_type}", is_vital=True):
                self._read_type(entity_type, since)
            cursor["done"].append(entity_type)
            SourceState.objects.filter(pk=self.state.pk).update(cursor=cursor)
            if self.deadline and time.monotonic() > self.deadline:
                return False
        with self.family("Jira connections"):
            people.read_connections(self.client)
        with self.family("members"):
            people.read_members(self.client)
        with self.family("member activities"):
            people.read_activities(self.client)
        self._retry_bad_items()
        with self.family("notes"):
            features.read_changed_notes(self.client, since)
        follow_links()
        shared_fields.follow(Source.PRODUCTBOARD)
        if since is None:
            note_updates.catch_up()
        parts = dict(self.state.parts)
        if since is None:
            parts["full_at"] = cursor["started_at"]
        elif self.wants_full:
            parts.pop("full_at", None)
        runs.close_run(
            self.run,
            SyncRun.Status.DONE,
            self._outcome(),
            watermark_at=parse_datetime(cursor["started_at"]),
            parts=parts,
            cursor=None,
            last_success_at=timezone.now(),
            wait_until_at=None,
            refused_credentials="",
            refused_message="",
        )
        return True

    def _types(self) -> list[str]:
        """Ours, and those that have come into the hub since."""
        known = ProductEntity.objects.filter(source=PB).values_list("type", flat=True).distinct()
        return [*ENTITY_TYPES, *sorted(set(known) - set(ENTITY_TYPES) - {"unknown"})]

    def _cursor(self) -> dict[str, Any]:
        """Where to begin: after the types that a stopped run has read, else at the watermark."""
        assert self.run is not None
        kept = self.state.cursor
        if kept and self._can_resume(kept):
            self.run.is_resumed, self.run.is_full = True, kept["since"] == ""
            return kept
        full_at = parse_datetime(str(self.state.parts.get("full_at") or ""))
        watermark = self.state.watermark_at
        is_full = (
            self.run.is_full
            or watermark is None
            or full_at is None
            or self.run.started_at - full_at > FULL_EVERY
        )
        self.run.is_full = is_full
        since = (
            ""
            if is_full or watermark is None
            else (watermark - timedelta(minutes=OVERLAP_MINUTES)).isoformat()
        )
        return {"since": since, "done": [], "started_at": self.run.started_at.isoformat()}

    def _can_resume(self, kept: dict[str, Any]) -> bool:
        assert self.run is not None
        began = parse_datetime(kept["started_at"])
        return (
            bool(kept["done"])
            and (kept["since"] == "" or not self.run.is_full)
            and began is not None
            and timezone.now() - began < timedelta(days=CURSOR_DAYS)
        )

    @contextmanager
    def family(self, what: str, *, is_vital: bool = False) -> Iterator[None]:
        """One family of calls: where its rights are missing the others are read all the same.

        A refused token (401) on a vital family ends the run; on others it may be a kind of token
        that has no such rights.
        """
        mark = f"family:{what}"
        try:
            yield
        except (ScopeMissing, QueryRefused, NotFound) as error:
            self._note_family(mark, what, str(error))
        except CredentialsRefused as error:
            if is_vital:
                raise
            self._note_family(mark, what, "The token is not accepted for this (401).")
            del error
        else:
            if mark in self.open_errors:
                runs.resolve_errors(PB, {mark}, timezone.now())
                # What could not be read before may be older than the watermark.
                self.wants_full |= is_vital

    def _note_family(self, mark: str, what: str, why: str) -> None:
        self.open_errors.add(mark)
        message = f"{why} Give the token the right to read {what}; the rest was read."
        runs.note_error(
            PB, self.run, upstream_id=mark, label=what[:1].upper() + what[1:],
            stage=SyncError.Stage.ITEM, message=message,
        )  # fmt: skip
        if self.run is not None:
            self.run.failed += 1

    # --- entities ---------------------------------------------------------------------------

    def _read_type(self, entity_type: str, since: datetime | None) -> None:
        self._read_fields(entity_type)
        pages = (
            self.client.entities(entity_type)
            if since is None
            else self.client.entities_changed(entity_type, since)
        )
        there: set[str] = set()
        for page in pages:
            there |= self.take_page(page, entity_type)
        if since is None:
            self._bury(entity_type, there)

    def _read_fields(self, entity_type: str) -> None:
        with self.family(f"fields of type {entity_type}"):
            payload = storable(self.client.configuration(entity_type))
            rows = list(mapping.to_fields(payload, entity_type))
            if self.run is not None and self.run.is_full:
                rows = [self._with_options(row) for row in rows]
            else:
                rows = [self._known_options(row) for row in rows]
            product.save_fields(source=PB, entity_type=entity_type, rows=rows)
            runs.keep_raw(PB, "configuration", {entity_type: orjson.dumps(payload).decode()})

    def _with_options(self, row: product.FieldRow) -> product.FieldRow:
        """Options of a field that is chosen from a list, where they did not come with it."""
        if row.options or "select" not in row.schema.lower():
            return row
        try:
            pages = [storable(page) for page in self.client.field_values(row.upstream_id)]
        except (NotFound, QueryRefused, ScopeMissing):
            return row
        return row._replace(options=[one for page in pages for one in mapping.to_options(page)])

    def _known_options(self, row: product.FieldRow) -> product.FieldRow:
        if row.options or "select" not in row.schema.lower():
            return row
        held = product.ProductField.objects.filter(
            source=PB, entity_type=row.entity_type, upstream_id=row.upstream_id
        ).values_list("options", flat=True)
        return row._replace(options=held.first() or [])

    def take_page(self, page: Sequence[Any], entity_type: str = "") -> set[str]:
        """Write a page with its relationships; returns the ids on it, also of bad items."""
        page = storable(page)
        rows: dict[str, product.EntityRow] = {}
        raw: dict[str, str] = {}
        pairs: dict[str, set[product.Relation]] = {}
        troubles: dict[str, tuple[str, str]] = {}
        for payload in page:
            name = mapping.text(payload.get("id")) or "an entity without an id"
            try:
                row = mapping.to_entity(payload, expected_type=entity_type)
                entries = self._relations(payload)
                parent = mapping.parent_in(entries)
            except (mapping.MappingError, NotFound, QueryRefused, ScopeMissing) as error:
                troubles[name] = (SyncError.Stage.ITEM, str(error))
                continue
            if parent != row.parent_upstream_id:
                row = product.EntityRow(**{**vars(row), "parent_upstream_id": parent})
            rows[row.upstream_id] = row
            raw[row.upstream_id] = orjson.dumps(payload).decode()
            pairs[row.upstream_id] = mapping.to_relations(row.upstream_id, entries)
        try:
            with transaction.atomic():
                done = self._write(list(rows.values()), raw, pairs)
                self._finish_page(len(page), rows, done, troubles)
        except DataError:
            # PostgreSQL refuses some value: find whose it is.
            done = product.Written(0, 0, 0)
            with transaction.atomic():
                for key, row in list(rows.items()):
                    try:
                        with transaction.atomic():
                            one = self._write([row], {key: raw[key]}, {key: pairs[key]})
                    except DataError as error:
                        reason = str(error).strip().splitlines()[0]
                        said = f"The database refused a value of it: {reason}"
                        troubles[key] = (SyncError.Stage.WRITE, said)
                        continue
                    done = product.Written(*(a + b for a, b in zip(done, one, strict=True)))
                self._finish_page(len(page), rows, done, troubles)
        return {mapping.text(payload.get("id")) for payload in page} - {""}

    def _relations(self, payload: dict[str, Any]) -> list[Any]:
        if not mapping.has_more_relations(payload):
            return mapping.relations_inside(payload)
        pages = self.client.relationships(mapping.text(payload["id"]))
        return [entry for page in pages for entry in storable(page)]

    def _write(
        self,
        rows: list[product.EntityRow],
        raw: dict[str, str],
        pairs: dict[str, set[product.Relation]],
    ) -> product.Written:
        done = product.upsert_entities(source=PB, rows=rows)
        product.set_relations(source=PB, pairs=pairs)
        runs.keep_raw(PB, "entity", raw)
        return done

    def _finish_page(
        self,
        seen: int,
        rows: dict[str, product.EntityRow],
        done: product.Written,
        troubles: dict[str, tuple[str, str]],
    ) -> None:
        now = timezone.now()
        for upstream_id, (stage, message) in troubles.items():
            label = rows[upstream_id].name if upstream_id in rows else upstream_id
            runs.note_error(
                PB, self.run, upstream_id=upstream_id, label=label, stage=stage,
                message=message, at=now,
            )  # fmt: skip
        mended = (self.open_errors & rows.keys()) - troubles.keys()
        if mended:
            runs.resolve_errors(PB, mended, now)
        self.open_errors = (self.open_errors - mended) | troubles.keys()
        if self.run is None:
            return
        run = self.run
        run.pages += 1
        run.seen += seen
        run.created += done.created
        run.updated += done.updated
        run.unchanged += done.unchanged
        run.failed += len(troubles)
        run.requests = self.client.requests
        run.save()
        if self.progress:
            self.progress(run, None)

    # --- what is gone -----------------------------------------------------------------------

    def _bury(self, entity_type: str, there: set[str]) -> None:
        """Mark what is here and not there, after asking for each; never many at once."""
        here = set(
            ProductEntity.objects.filter(
                source=PB, type=entity_type, deleted_at__isnull=True
            ).values_list("upstream_id", flat=True)
        )
        missed = sorted(here - there)
        if len(missed) > max(MAX_VANISHED_UNCHECKED, MAX_VANISHED_SHARE * len(here)):
            self.vanished += len(missed)
            return
        for upstream_id in missed:
            self.read_again(upstream_id)

    def read_again(self, upstream_id: str) -> bool:
        """Read one entity; where it is gone, mark it so. True when it is there."""
        try:
            payload = self.client.entity(upstream_id)
        except NotFound:
            with transaction.atomic():
                product.mark_entities_deleted(source=PB, upstream_ids=[upstream_id])
                runs.resolve_errors(PB, {upstream_id}, timezone.now())
            self.open_errors.discard(upstream_id)
            return False
        self.take_page([payload])
        return True

    def _retry_bad_items(self) -> None:
        bad = (
            SyncError.objects.filter(
                source=PB, resolved_at__isnull=True, is_skipped=False, attempts__lt=MAX_ATTEMPTS
            )
            .exclude(run=self.run)
            .exclude(upstream_id__startswith="family:")
        )
        for upstream_id in bad.order_by("last_at").values_list("upstream_id", flat=True)[
            :MAX_RETRIES_A_RUN
        ]:
            self.read_again(upstream_id)

    def _outcome(self) -> str:
        assert self.run is not None
        run = self.run
        entities = "entity" if run.seen == 1 else "entities"
        text = f"{run.seen:,} {entities} read, {run.created + run.updated:,} changed."
        if run.failed:
            text += f" {run.failed:,} could not be read."
        if self.vanished:
            run.failed += self.vanished
            text += (
                f" {self.vanished:,} stored entities are not shown any more. That looks like a"
                " change of rights, so they were kept."
            )
        return text


@contextmanager
def single_reader() -> Iterator[ProductboardSync]:
    """To read single entities outside a run. Raises NotConfigured."""
    config = productboard_config()
    if config is None:
        raise NotConfigured(f"Productboard is off. {NEEDS}")
    state, _ = SourceState.objects.get_or_create(source=PB)
    client = ProductboardClient(config)
    try:
        yield ProductboardSync(None, state, client)
    finally:
        client.close()


def retry_item(error: SyncError) -> None:
    """Read the item of an error again; the error is closed when that works.

    Raises NotConfigured, and UpstreamError when Productboard cannot be asked.
    """
    with single_reader() as reader:
        if not error.upstream_id.startswith("family:"):
            reader.read_again(error.upstream_id)
            return
        what = error.upstream_id.removeprefix("family:")
        readers = {
            "Jira connections": people.read_connections,
            "members": people.read_members,
            "member activities": people.read_activities,
        }
        with reader.family(what):
            if what in readers:
                readers[what](reader.client)
            else:
                next(reader.client.entities(what.rpartition(" ")[2]), None)
