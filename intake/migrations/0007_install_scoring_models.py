"""Six ways to score, with every step of every rubric written out. They are data from here on:
Product Ops changes them by new versions."""

from django.db import migrations


def steps(*lines):
    return [{"value": value, "label": label, "meaning": meaning} for value, label, meaning in lines]


def criterion(key, name, help, rubric=(), *, type="scale", range=(1, 5), unit="", weight=1,
              direction="benefit", is_effort=False, middle=None):
    return {
        "key": key, "name": name, "help": help, "type": type, "range": list(range), "unit": unit,
        "rubric": list(rubric), "weight": weight, "direction": direction, "is_effort": is_effort,
        "middle": middle, "objective": "", "objective_id": None,
    }


def effort(help="Working weeks of one person, design and tests included. Ask an engineer.", **fields):
    return criterion("effort", "Effort", help, type="number", range=(0.5, 500), unit="weeks",
                     direction="cost", is_effort=True, **fields)


CONFIDENCE = criterion(
    "confidence", "Confidence", "How well do we know the two answers above?",
    steps(
        (50, "50%, a hunch", "An opinion, or one anecdote."),
        (80, "80%, likely", "Several people told us, or one source of numbers agrees."),
        (100, "100%, known", "Measured: a number from our own systems, or a test."),
    ),
    type="percent", range=(0, 100),
)
FIBONACCI = (1, 2, 3, 5, 8, 13, 20)


def relative(words):
    return steps(*((value, str(value), said) for value, said in zip(FIBONACCI, words)))


MODELS = (
    ("rice", "RICE", "rice",
     "Many small requests that reach different numbers of people.", (
        criterion("reach", "Reach", "People who meet it in a quarter. Count them in a system, not "
                  "in a meeting.", type="number", range=(0, 1_000_000), unit="people a quarter"),
        criterion("impact", "Impact for each of them", "What changes for one of these people?",
                  steps(
                      (0.25, "Minimal", "Hardly noticed; a click less."),
                      (0.5, "Small", "A small annoyance goes away."),
                      (1, "Medium", "Saves minutes each time, or avoids a common mistake."),
                      (2, "Large", "Saves hours, or removes a workaround."),
                      (3, "Massive", "They can do something that was impossible, or stay because "
                       "of it."),
                  ), type="choice"),
        CONFIDENCE,
        effort(),
     )),
    ("ice", "ICE", "ice", "A quick first sort of ideas before anyone counts anything.", (
        criterion("impact", "Impact", "How far does it move the number we care about?", steps(
            (1, "1", "Nobody could tell the difference."),
            (3, "3", "A few people would notice."),
            (5, "5", "One measure of one team moves."),
            (7, "7", "A measure of the product moves within a quarter."),
            (10, "10", "A company goal moves within a quarter."),
        )),
        criterion("confidence", "Confidence", "What do we have to show for it?", steps(
            (1, "1", "Our own opinion."),
            (3, "3", "Some people asked for it."),
            (5, "5", "Interviews or support cases say the same."),
            (7, "7", "Numbers from our systems say the same."),
            (10, "10", "We tested it and it worked."),
        )),
        criterion("ease", "Ease", "How soon could it be in people’s hands?", steps(
            (1, "1", "Over a quarter, several teams."),
            (3, "3", "About two months."),
            (5, "5", "About one month."),
            (7, "7", "One or two weeks."),
            (10, "10", "A day or two."),
        )),
     )),
    ("wsjf", "WSJF", "wsjf", "Work that loses value by waiting: the cost of delay against the size "
     "of the job.", (
        criterion("value", "Value for users and business", "Against the smallest candidate, which "
                  "is 1.", relative((
                      "The smallest of all candidates.", "Twice the smallest.",
                      "A clear step above the smallest.", "Well above the average.",
                      "Among the most valuable this quarter.", "Worth a release of its own.",
                      "Nothing else comes near.")), type="choice"),
        criterion("urgency", "Time criticality", "How fast does the value go away while it waits?",
                  relative((
                      "It can wait for a year.", "Waiting half a year costs little.",
                      "Waiting a quarter costs something.", "People leave within a quarter.",
                      "A customer’s date is at stake.", "A contract or law sets a date this quarter.",
                      "After the date it is worth nothing.")), type="choice"),
        criterion("risk", "Risk taken away, or doors opened", "What does it prevent, or make "
                  "possible later?", relative((
                      "Nothing in particular.", "A small nuisance less.",
                      "A known weakness less.", "Makes one later item clearly cheaper.",
                      "Prevents a likely failure.", "Opens a market or prevents a costly failure.",
                      "Without it we may not operate.")), type="choice"),
        criterion("size", "Job size", "In weeks of one person, to the nearest step.", relative((
            "A week.", "Two weeks.", "Three weeks.", "A good month.", "Two months.",
            "A quarter.", "Over a quarter: split it first.")), type="choice", direction="cost",
            is_effort=True, unit="weeks"),
     )),
    ("moscow", "MoSCoW", "moscow", "What goes into a release with a fixed date.", (
        criterion("class", "Class", "What happens to the release without it?", steps(
            (4, "Must", "Without it the release is illegal, unsafe or useless."),
            (3, "Should", "It hurts without it, but there is a workaround."),
            (2, "Could", "Welcome if it costs little; nobody waits for it."),
            (1, "Not now", "Agreed to be out of this release."),
        ), type="choice"),
        effort("It moves no rank: it only fills the weeks that the team has."),
     )),
    ("value-effort", "Value and effort", "value_effort", "A first look at a long list: quick wins, "
     "big bets, fill-ins and time sinks.", (
        criterion("value", "Value", "For the people who asked, and for us.", steps(
            (1, "1", "Nice for one person."),
            (2, "2", "Helps one team now and then."),
            (3, "3", "Helps one team every week, or many customers a little."),
            (4, "4", "Moves a measure of the product."),
            (5, "5", "Moves a goal of the company."),
        )),
        effort(middle=4),
     )),
    ("weighted", "Weighted criteria", "weighted", "Different kinds of value against each other, "
     "with weights that everyone can see.", (
        criterion("reach", "Reach", "Who meets the problem?", steps(
            (1, "1", "One person or one customer."),
            (2, "2", "A few people in one team or place."),
            (3, "3", "One whole department or customer segment."),
            (4, "4", "Most customers or most colleagues."),
            (5, "5", "Everyone who uses the product."),
        ), weight=30),
        criterion("impact", "Impact", "What does it cost them today?", steps(
            (1, "1", "Hardly anything: a matter of taste."),
            (2, "2", "A few minutes now and then."),
            (3, "3", "Hours a month, or a mistake a month."),
            (4, "4", "Hours a week, complaints or penalties."),
            (5, "5", "They cannot work, or leave."),
        ), weight=35),
        criterion("confidence", "Confidence", "How well do we know it?", steps(
            (1, "1", "A guess."),
            (2, "2", "One story."),
            (3, "3", "Several stories that agree."),
            (4, "4", "Numbers from our own systems."),
            (5, "5", "Tested with the people who have the problem."),
        ), weight=15),
        criterion("effort", "Effort", "Working weeks of one person, to the nearest step.", steps(
            (1, "1 week", "A small change in one place."),
            (2, "2 weeks", "One screen or one report."),
            (4, "4 weeks", "A feature within one product."),
            (8, "8 weeks", "Several parts of one product."),
            (13, "13 weeks", "Several teams, or something we have not built before."),
        ), type="choice", weight=20, direction="cost", is_effort=True, unit="weeks"),
     )),
)


def install(apps, schema_editor):
    Model = apps.get_model("intake", "ScoringModel")
    Version = apps.get_model("intake", "ScoringModelVersion")
    for slug, name, method, purpose, criteria in MODELS:
        model, created = Model.objects.get_or_create(
            slug=slug, defaults={"name": name, "method": method, "purpose": purpose}
        )
        if created:
            model.version = Version.objects.create(
                model=model, number=1, criteria=list(criteria), note="As installed."
            )
            model.save(update_fields=["version"])


def remove(apps, schema_editor):
    """Takes away what nobody has used."""
    Model = apps.get_model("intake", "ScoringModel")
    Version = apps.get_model("intake", "ScoringModelVersion")
    Session = apps.get_model("intake", "ScoringSession")
    used = Session.objects.values("version__model_id")
    unused = Model.objects.filter(slug__in=[row[0] for row in MODELS]).exclude(pk__in=used)
    ids = list(unused.values_list("pk", flat=True))
    Model.objects.filter(pk__in=ids).update(version=None)
    Version.objects.filter(model_id__in=ids).delete()
    Model.objects.filter(pk__in=ids).delete()


class Migration(migrations.Migration):
    dependencies = [("intake", "0006_scoring_sessions")]

    operations = [migrations.RunPython(install, remove)]
