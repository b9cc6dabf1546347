"""What happens at Harbourline: drawn from a seed and a moment, without the database.

The same seed, moment and scale always give the same plan. Times are aware and in the past.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import exp
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from hub.demo.people import PEOPLE, TEAMS, Person, more_people
from hub.demo.stories import (
    CARRIERS,
    CASES,
    COMMENTS,
    DAYS,
    DEPOTS,
    MONTHS,
    REASON_CODES,
    REASONS,
    SHIPPERS,
    STORIES,
    TAILS,
    TALKS,
    VOICES,
    Story,
)

SEED = 20260401
NAMESPACE = UUID("6c9d2a54-92e4-4c0e-9a1e-5d5a0f7e1c11")
HISTORY_DAYS = 548
REQUESTS = 1100
ZONE = ZoneInfo("Europe/Amsterdam")
OPENS, CLOSES = 8 * 3600, 18 * 3600
HOURS = CLOSES - OPENS
DAY = timedelta(days=1)
# What is decided, of ten.
OUTCOMES = ("do", "do", "do", "do", "do", "later", "later", "no", "no", "no")


@dataclass(slots=True)
class Step:
    """One thing someone did to a request."""

    kind: str  # submit, triage, reassign, ask, answer, comment, vote, merge, decide, ship
    at: datetime
    actor: int  # index into Plan.people
    text: str = ""
    team: str = ""
    owner: int | None = None
    outcome: str = ""
    reason_code: str = ""
    revisit_on: date | None = None
    key: UUID | None = None
    into: "Planned | None" = None


@dataclass(slots=True)
class Planned:
    """One request with its whole life up to now."""

    number: int
    key: UUID
    title: str
    problem: str
    kind: str
    affected: tuple[str, ...]
    visibility: str
    team: str
    needed_on: date | None
    steps: list[Step] = field(default_factory=list)
    story: int = -1

    def when(self, kind: str) -> datetime | None:
        """When the first step of a kind happened."""
        return next((step.at for step in self.steps if step.kind == kind), None)

    @property
    def submitted_at(self) -> datetime:
        """When it was sent."""
        return self.steps[0].at


@dataclass(slots=True)
class Plan:
    """All people and all requests, the latter by the time they were sent."""

    now: datetime
    people: list[Person]
    requests: list[Planned]


# --- Time -------------------------------------------------------------------------------------


def opening(local: datetime) -> datetime:
    """The next working moment; a local time without zone, as all times while drawing."""
    second = local.hour * 3600 + local.minute * 60 + local.second
    if second >= CLOSES:
        local = (local + DAY).replace(hour=8, minute=second % 50, second=second % 60)
    elif second < OPENS:
        local = local.replace(hour=8, minute=second % 50)
    while local.weekday() >= 5:
        local += DAY
    return local


def later(local: datetime, days: float) -> datetime:
    """So many working days of ten hours later."""
    local = opening(local)
    seconds = int(days * HOURS)
    left = CLOSES - (local.hour * 3600 + local.minute * 60 + local.second)
    while seconds >= left:
        seconds -= left
        local = opening((local + DAY).replace(hour=8, minute=0, second=0))
        left = HOURS
    return local + timedelta(seconds=seconds)


def earlier(local: datetime, days: int) -> datetime:
    """About so many working days before, at a working hour."""
    while days:
        local -= DAY
        days -= local.weekday() < 5
    while local.weekday() >= 5:
        local -= DAY
    if not 8 <= local.hour < 18:
        local = local.replace(hour=9 + local.minute % 8)
    return local


def aware(local: datetime) -> datetime:
    """The same moment in UTC."""
    return local.replace(tzinfo=ZONE).astimezone(UTC)


# --- Words ------------------------------------------------------------------------------------


class Words:
    """Fills the slots of a text; a request keeps its place and its customer throughout."""

    def __init__(self, chance: random.Random, variant: int, at: datetime) -> None:
        self.chance = chance
        self.at = at
        pick = chance.choice
        self.slots = {
            "depot": DEPOTS[variant % len(DEPOTS)],
            "depot2": DEPOTS[(variant + 5) % len(DEPOTS)],
            "carrier": CARRIERS[variant % len(CARRIERS)],
            "shipper": SHIPPERS[variant % len(SHIPPERS)],
            "n": chance.randrange(12, 95),
            "day": pick(DAYS),
            "month": MONTHS[(at.month - 2) % 12],
        }

    def fill(self, text: str) -> str:
        """The text with its slots filled."""
        return text.format_map(self.slots)


def _title(story: Story, words: Words, variant: int) -> str:
    if variant == 0:
        return story.title
    # 16 depots, 15 carriers and 17 shippers come round together only after thousands.
    tail = TAILS[variant // len(DEPOTS) % len(TAILS)]
    return words.fill(story.again + tail)[:120]


# --- People -----------------------------------------------------------------------------------


class Cast:
    """Who may play which part."""

    def __init__(self, people: list[Person]) -> None:
        self.index = {person.name: number for number, person in reversed([*enumerate(people)])}
        self.by_department: dict[str, list[int]] = {}
        self.pms: dict[str, list[int]] = {}
        self.builders: dict[str, list[int]] = {}
        for number, person in enumerate(people):
            if person.role != "stakeholder":
                self.pms.setdefault(person.team, []).append(number)
            elif person.team:
                self.builders.setdefault(person.team, []).append(number)
            else:
                self.by_department.setdefault(person.department, []).append(number)
        self.ops = self.pms["product-ops"]
        self.askers = [number for held in self.by_department.values() for number in held]


# --- Drawing ----------------------------------------------------------------------------------


def draw(now: datetime, scale: int = 1) -> Plan:
    """The plan of a company `scale` times as large; `now` is aware."""
    people = [*PEOPLE, *more_people((scale - 1) * len(PEOPLE))]
    cast = Cast(people)
    chance = random.Random(SEED)
    local_now = now.astimezone(ZONE).replace(tzinfo=None, microsecond=0)
    begin = local_now - timedelta(days=HISTORY_DAYS)
    total = REQUESTS * scale
    # A little more every month: people learn that they are heard.
    offsets = sorted(chance.random() ** 0.85 for _ in range(total))
    requests = []
    for number, offset in enumerate(offsets):
        # Half a day of jitter spreads them over the hours.
        sent = opening(begin + (local_now - begin) * offset)
        if sent.hour == 8 and chance.random() < 0.8:
            sent = later(sent, chance.random() * 0.95)
        if sent < local_now:
            requests.append(_draw_one(number, sent, local_now, begin, cast, chance))
    requests += _cast_requests(local_now, cast)
    _join(requests)
    _support(requests, now, cast)
    for item in requests:
        _give_keys(item)
    requests.sort(key=lambda item: (item.submitted_at, item.number))
    return Plan(now, people, requests)


# Of the needs that come up again while an earlier one still waits, so many are merged.
MERGED_SHARE = 0.35


def _join(requests: list[Planned]) -> None:
    """Let a need that is told again join the earlier request that still waits for its decision."""
    chance = random.Random(SEED + 1)
    waiting: dict[int, Planned] = {}
    for item in sorted(requests, key=lambda one: (one.submitted_at, one.number)):
        read = next((step for step in item.steps if step.kind == "triage"), None)
        if item.story < 0 or item.visibility != "company" or read is None:
            continue
        target = waiting.get(item.story)
        decided = target.when("decide") if target else None
        known = target is not None and (decided is None or decided > read.at)
        if target and known and target.when("triage") < read.at and chance.random() < MERGED_SHARE:  # type: ignore[operator]
            before = [step for step in item.steps if step.at < read.at]
            # A question that is open then would wait for ever.
            before = [step for step in before if step.kind not in ("ask", "answer")]
            item.steps = [*before, Step("merge", read.at, read.actor, into=target)]
        elif not known:
            waiting[item.story] = item


def _support(requests: list[Planned], now: datetime, cast: Cast) -> None:
    """Voices of others; the needs that many share get many."""
    chance = random.Random(SEED + 2)
    for item in requests:
        count = min(int(chance.expovariate(1 / 2.6)), 24)
        end = item.when("merge") or item.when("decide") or now
        span = (end - item.submitted_at).total_seconds() - 120
        requester = item.steps[0].actor
        if item.visibility != "company" or span <= 0 or not count:
            continue
        for who in chance.sample(cast.askers, min(count, len(cast.askers))):
            at = item.submitted_at + timedelta(seconds=60 + span * chance.random() ** 1.5)
            case = chance.choice(VOICES) if chance.random() < 0.3 else ""
            if who != requester:
                item.steps.append(Step("vote", at, who, case))
        item.steps.sort(key=lambda step: step.at)


def first_key() -> UUID:
    """The key of the very first request, by which a loaded company is recognised."""
    return uuid5(NAMESPACE, "request 0")


def _draw_one(
    number: int,
    sent: datetime,
    now: datetime,
    begin: datetime,
    cast: Cast,
    chance: random.Random,
) -> Planned:
    # Every story is told once before any is told again, each round in another order.
    variant, place = divmod(number, len(STORIES))
    story = STORIES[(place * 29 + variant * 31) % len(STORIES)]
    # Another place and customer for each story, or whole weeks would be about one of them.
    words = Words(chance, variant + 5 * STORIES.index(story), sent)
    holders = [p for d in story.departments for p in cast.by_department[d]]
    requester = chance.choice(holders)
    case = words.fill(chance.choice(CASES))
    item = Planned(
        number=number,
        key=uuid5(NAMESPACE, f"request {number}"),
        title=_title(story, words, variant),
        problem=words.fill(story.problem) + (f"\n\n{case}" if case else ""),
        kind=story.kind,
        affected=story.affected,
        visibility=chance.choices(("company", "team", "private"), (94, 4, 2))[0],
        team="" if chance.random() < 0.12 else story.team,
        needed_on=(later(sent, chance.randrange(20, 70))).date() if chance.random() < 0.1 else None,
    )
    item.steps = _life(item, story, words, requester, sent, now, begin, cast, chance)
    item.story = STORIES.index(story)
    for step in item.steps:
        step.at = aware(step.at)
    return item


def _life(
    item: Planned,
    story: Story,
    words: Words,
    requester: int,
    sent: datetime,
    now: datetime,
    begin: datetime,
    cast: Cast,
    chance: random.Random,
) -> list[Step]:
    steps = [Step("submit", sent, requester, team=item.team)]
    team = next(team for team in TEAMS if team.slug == story.team)
    owner = chance.choice(cast.pms[story.team])
    # Reading takes most of two days at first, half a day today; one in eight is late.
    age = (now - sent) / (now - begin)
    read = chance.random() * (0.7 + age) + (chance.random() * 2.5 if chance.random() < 0.12 else 0)
    triaged = later(sent, 0.05 + read)
    reader = owner if chance.random() < 0.7 else chance.choice(cast.ops)
    asks = 2 if chance.random() < 0.12 else int(chance.random() < 0.4)
    moment = triaged
    if asks and chance.random() < 0.35:
        moment = _talk(steps, words, requester, reader, later(sent, read * 0.6), chance)
        moment = max(later(moment, 0.2), triaged)
        asks -= 1
    steps.append(Step("triage", moment, reader, team=story.team, owner=owner))
    if chance.random() < 0.12:
        moment = later(moment, 0.5 + chance.random())
        owner = chance.choice(cast.pms[story.team])
        steps.append(Step("reassign", moment, reader, team=story.team, owner=owner))
    for _ in range(asks):
        moment = _talk(steps, words, requester, owner, later(moment, chance.random()), chance)
    # The median falls from about fifteen days to eight; the spread stays.
    days = (7.0 + 8.4 * age) * team.pace * exp(chance.gauss(0, 0.52))
    decided = max(later(sent, days), later(moment, 0.3))
    outcome = chance.choice(OUTCOMES)
    place = chance.randrange(len(REASONS[outcome]))
    reason = words.fill(REASONS[outcome][place])
    code = REASON_CODES[outcome][place] if outcome in REASON_CODES else ""
    # What was put off before is settled by now; a few second looks are just due.
    revisit = (decided + 91 * DAY).date() if outcome == "later" else None
    if revisit is not None and revisit < (now - 4 * DAY).date():
        revisit = None
    steps.append(
        Step(
            "decide",
            decided,
            owner,
            reason,
            outcome=outcome,
            reason_code=code,
            revisit_on=revisit,
        )
    )
    ended = decided
    if outcome == "do" and chance.random() < 0.86:
        ended = later(decided, 8 + chance.expovariate(1 / 22))
        steps.append(Step("ship", ended, owner))
    _chatter(steps, words, story, requester, owner, sent, min(ended, now), cast, chance)
    return sorted((step for step in steps if step.at < now), key=lambda step: step.at)


def _talk(
    steps: list[Step],
    words: Words,
    requester: int,
    asker: int,
    at: datetime,
    chance: random.Random,
) -> datetime:
    """A question and its answer; returns when it was answered."""
    said = {step.text for step in steps}
    place = chance.randrange(len(TALKS))
    if words.fill(TALKS[place][0]) in said:
        place = (place + 1) % len(TALKS)
    question, answer = (words.fill(text) for text in TALKS[place])
    answered = later(at, 0.1 + chance.expovariate(1 / 1.4))
    steps.append(Step("ask", at, asker, question))
    steps.append(Step("answer", answered, requester, answer))
    return answered


def _chatter(
    steps: list[Step],
    words: Words,
    story: Story,
    requester: int,
    owner: int,
    sent: datetime,
    until: datetime,
    cast: Cast,
    chance: random.Random,
) -> None:
    count = min(int(chance.expovariate(1 / 4.3)), 14)
    span = (until - sent).total_seconds()
    if span <= 600 or not count:
        return
    voices = [requester, owner, *cast.builders.get(story.team, [])[:3]]
    for text in chance.sample(COMMENTS, count):
        # Most is said in the first days.
        at = opening(sent + timedelta(seconds=300 + span * chance.random() ** 2))
        who = chance.choice(voices) if chance.random() < 0.5 else chance.choice(cast.askers)
        steps.append(Step("comment", at, who, words.fill(text)))


def _give_keys(item: Planned) -> None:
    for index, step in enumerate(item.steps):
        step.key = uuid5(item.key, str(index))


# --- The requests of the people who sign in ---------------------------------------------------


def _cast_requests(now: datetime, cast: Cast) -> list[Planned]:
    """What each demonstration login finds: something to do, and news."""
    ada, tomasz = cast.index["Ada Mensah"], cast.index["Tomasz Wieczorek"]
    jonah, leila = cast.index["Jonah Feld"], cast.index["Leila Haddad"]
    priya, ines = cast.index["Priya Raman"], cast.index["Ines Carvalho"]
    noor = cast.index["Noor Haddad"]
    ops, katrin = cast.index["Rui Teixeira"], cast.index["Katrin Vogel"]
    made: list[Planned] = []

    def add(
        title: str, problem: str, kind: str, team: str, *steps: Step, affected: str = "customers"
    ) -> None:
        number = -1 - len(made)
        item = Planned(
            number, uuid5(NAMESPACE, f"cast {number}"), title, problem, kind, (affected,),
            "company", steps[0].team or team, None, list(steps),
        )  # fmt: skip
        item.steps = sorted((step for step in steps if step.at < now), key=lambda step: step.at)
        for step in item.steps:
            step.at = aware(step.at)
        made.append(item)

    def ago(days: int, hour: int = 10, minute: int = 12) -> datetime:
        return earlier(now, days).replace(hour=hour, minute=minute)

    # Ada: a question waits for her, one no with its reason, one delivered, one just sent.
    add(
        "Show Lumen Home its own on-time share every Monday",
        "Lumen Home asks me for last week's share every Monday at nine, and I ask Insights, who "
        "answer on Tuesday. They renew in spring and have said that this matters more than the "
        "price. A number in their dashboard, with the stops that were late, would do.",
        "data", "insights",
        Step("submit", ago(6), ada, team="insights"),
        Step("triage", ago(5, 8), cast.index["Hye-jin Park"], team="insights",
             owner=cast.index["Hye-jin Park"]),
        Step("comment", ago(4, 13), cast.index["Sofia Marchetti"],
             "Stenberg asks the same. Two accounts, one number."),
        Step("ask", ago(2, 9, 40), cast.index["Hye-jin Park"],
             "Is it the share of stops inside the promised window, or inside the window after a "
             "replan? The two differ by six points for Lumen Home."),
    )  # fmt: skip
    add(
        "Discount codes for shippers who pay early",
        "Two of my accounts would pay within a week for one per cent. Today Finance writes a "
        "credit note by hand for each of them.",
        "idea", "billing",
        Step("submit", ago(16), ada, team="billing"),
        Step("triage", ago(15, 9), priya, team="billing", owner=priya),
        Step("comment", ago(12, 15), cast.index["Nadia Rahman"],
             "The auditors asked us last year to have fewer kinds of credit notes, not more."),
        Step("decide", ago(3, 11), priya,
             "It would cost more in credit notes than early payment brings in: 14 accounts, "
             "about 3,100 euros a year. Shorter terms in the contract give the same effect, and "
             "Legal has a clause ready. Ask Nadia for it.", outcome="no",
             reason_code="too-costly"),
    )  # fmt: skip
    add(
        "Carrier contacts on the route page",
        "When a route is late I need the phone number of the carrier's dispatcher. It is in "
        "three places, and two of them are old.",
        "idea", "dispatch",
        Step("submit", ago(48), ada, team="dispatch"),
        Step("triage", ago(47, 10), tomasz, team="dispatch", owner=tomasz),
        Step("ask", ago(46, 11), tomasz, "Is the dispatcher enough, or also the night number?"),
        Step("answer", ago(45, 9), ada, "Both, please. Most calls are after six."),
        Step("decide", ago(41, 16), tomasz,
             "Every late route costs a search of ten minutes. Small to do, and Carrier Relations "
             "keeps the numbers fresh.", outcome="do"),
        Step("ship", ago(2, 15, 30), tomasz),
    )  # fmt: skip
    add(
        "Split an order over two vans without a second invoice",
        "Kallas Furniture orders a kitchen and gets two vans, two invoices and a phone call from "
        "its own book-keeper. They asked whether one invoice is too much to ask.",
        "problem", "",
        Step("submit", ago(1, 15, 42), ada),
    )  # fmt: skip
    add(
        "Names of the regular drivers on the customer page",
        "Receivers trust a driver whose name they know. Brightwell Foods asked for it after the "
        "fraud cases in the news.",
        "idea", "driver-app",
        Step("submit", ago(9), ada, team="driver-app"),
        Step("triage", ago(8, 9), leila, team="driver-app", owner=leila),
        Step("ask", ago(8, 9, 30), leila, "First name only, or with a photograph?"),
        Step("answer", ago(7, 14), ada, "First name. Drivers do not want the photograph either."),
        Step("decide", ago(4, 10), leila,
             "First names go live with the next release, if the driver agrees in the app.",
             outcome="do"),
    )  # fmt: skip

    # Tomasz: a queue with overdue, due and fresh ones, and his own to decide.
    waiting = (
        ("Drag a stop from one van to another", "idea", ops, 4, 9,
         "Moving a stop takes seven clicks and a reload. We do it two hundred times a morning in "
         "Duisburg alone. Everyone tries to drag it first."),
        ("Planned breaks vanish when a route is copied", "problem", katrin, 3, 8,
         "Copying yesterday's route drops the breaks. On Tuesday three drivers of Nordhaul had "
         "none planned, and their works council wrote to us."),
        ("Freeze the plan at 05:30 for night depots", "idea",
         cast.index["Magda Kowalczyk"], 2, 17,
         "In Gdańsk the loading starts at half past five. Every change after that means to unload "
         "a van again. Late orders should go to the second wave by themselves."),
        ("Show which stops a customer has already moved once", "idea",
         cast.index["Babajide Adeyemi"], 2, 16,
         "We moved a stop of Ardent Pharma three times in a week, because nobody saw that it had "
         "been moved before. A small mark on the stop would be enough."),
        ("Board does not print on one page any more", "problem",
         cast.index["Willem Jansen"], 1, 11,
         "Since the last release the morning board prints on three pages. The loaders tape them "
         "together. One page in landscape was perfect."),
        ("How are toll roads chosen?", "help", cast.index["Henrik Dahl"], 1, 14,
         "Velo Nord asks why some vans take the toll tunnel and some do not. I would like to give "
         "them a true answer."),
    )  # fmt: skip
    for title, kind, who, days, hour, problem in waiting:
        add(title, problem, kind, "dispatch",
            Step("submit", ago(days, hour), who, team="dispatch"), affected="office")  # fmt: skip
    for title, who, days, comment, problem in (
        ("Bulk reschedule for bank holidays", ops, 10,
         "The second of January is the worst day of the year. A date would help us to staff it.",
         "Each holiday we move about 4,000 stops one day by hand, depot by depot. We know the "
         "dates years ahead."),
        ("Warn before a van is planned beyond its weight", katrin, 8,
         "We were fined twice in October.",
         "The board adds up volume, not weight. Tiles and drinks are small and heavy: on the "
         "scales in Antwerp a van was 400 kilos over."),
        ("Second phone number for night deliveries", cast.index["Carmen Ruiz"], 4,
         "Casa Verde has a porter after eight, with his own phone.",
         "Restaurants give us the office number. At night nobody picks up, and the driver leaves "
         "with the goods."),
    ):  # fmt: skip
        add(title, problem, "idea", "dispatch",
            Step("submit", ago(days, 9, 25), who, team="dispatch"),
            Step("triage", ago(days - 1, 11), tomasz, team="dispatch", owner=tomasz),
            Step("comment", ago(days - 2, 15), who, comment))  # fmt: skip
    add(
        "Let a depot close a street to large vans",
        "The city closes streets for markets and roadworks. We learn it from the driver who "
        "stands in front of the barrier.",
        "idea", "dispatch",
        Step("submit", ago(7, 13), cast.index["Mehmet Aydın"], team="dispatch"),
        Step("triage", ago(6, 9), noor, team="dispatch", owner=tomasz),
        Step("ask", ago(5, 10), tomasz, "Who knows first: the depot, or the driver?"),
        Step("answer", ago(1, 16, 20), cast.index["Mehmet Aydın"],
             "The depot, about two days ahead. The city sends a list as a table."),
        affected="field",
    )  # fmt: skip

    # He asks for things himself.
    add(
        "Test orders that look like a real Monday",
        "We test the board with twelve orders, all in one street. A real Monday has nine thousand, "
        "a third of them wrong. A copy without names would find what our tests do not.",
        "idea", "platform",
        Step("submit", ago(23, 11), tomasz, team="platform"),
        Step("triage", ago(22, 9), jonah, team="platform", owner=jonah),
        Step("comment", ago(21, 14), cast.index["Kasia Nowicka"],
             "We would use it every day. Names and addresses can be made up."),
        Step("decide", ago(14, 15), jonah,
             "It finds errors before drivers do. We build it on the sandbox, with made-up names.",
             outcome="do"),
        affected="us",
    )  # fmt: skip
    add(
        "Tell me when a decision of mine is questioned",
        "Comments after a decision drown in my inbox. I would answer them the same day if they "
        "stood apart.",
        "idea", "product-ops",
        Step("submit", ago(5, 16), tomasz, team="product-ops"),
        Step("triage", ago(4, 10), ines, team="product-ops", owner=ines),
        affected="us",
    )  # fmt: skip

    # Ines: what is nobody's yet, and what other teams let wait.
    add(
        "One form for access to all tools",
        "New colleagues ask four people for six accounts. It takes nine days on average, I "
        "counted the last twelve.",
        "help", "product-ops",
        Step("submit", ago(3, 9), cast.index["Rosa Delgado"], team="product-ops"),
        Step("triage", ago(2, 10), ines, team="product-ops", owner=ines),
        affected="us",
    )  # fmt: skip
    add(
        "Customers in Norway cannot read our status page",
        "The page is blocked in two company networks in Oslo. They learn about outages from us, "
        "by phone, one after the other.",
        "problem", "",
        Step("submit", ago(4, 8), cast.index["Ingrid Solheim"]),
    )  # fmt: skip
    add(
        "Sign-in codes for Carpathia Road arrive twice",
        "Their people get two codes and type the older one. I have the times of eleven cases.",
        "problem", "platform",
        Step("submit", ago(12, 10), cast.index["Vasile Ionescu"], team="platform"),
        Step("triage", ago(11, 9), jonah, team="platform", owner=jonah),
        affected="partners",
    )  # fmt: skip
    return made


def by_time(requests: list[Planned]) -> Iterator[tuple[Planned, Step]]:
    """All steps in the order in which they happened."""
    steps = [(step.at, item.number, index, item, step)
             for item in requests for index, step in enumerate(item.steps)]  # fmt: skip
    for *_, item, step in sorted(steps, key=lambda row: row[:3]):
        yield item, step
