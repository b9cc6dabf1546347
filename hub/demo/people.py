"""Who works at Harbourline."""

import unicodedata
from typing import NamedTuple

PASSWORD = "demo-producthub"
DOMAIN = "harbourline.example"
# Signs in: a stakeholder, a product manager, Product Ops.
LOGINS = {
    "Ada Mensah": "ada",
    "Tomasz Wieczorek": "pm",
    "Ines Carvalho": "opsadmin",
}


class DemoTeam(NamedTuple):
    """One product team; `project` is its key in Jira, `pace` how slow it decides."""

    slug: str
    name: str
    mission: str
    channel: str
    time_zone: str
    project: str
    pace: float


TEAMS = (
    DemoTeam("dispatch", "Dispatch", "Every van leaves with a plan that survives the morning.",
             "#team-dispatch", "Europe/Warsaw", "DSP", 0.88),
    DemoTeam("yard", "Yard", "Trucks find their dock without waiting or asking.",
             "#team-yard", "Europe/Amsterdam", "YRD", 1.12),
    DemoTeam("billing", "Billing", "Invoices that nobody has to dispute.",
             "#team-billing", "Europe/Dublin", "BIL", 1.3),
    DemoTeam("driver-app", "Driver app", "The day of a driver, in one hand.",
             "#team-driver-app", "Europe/Lisbon", "DRV", 0.8),
    DemoTeam("insights", "Insights", "Numbers that planners and shippers trust.",
             "#team-insights", "Asia/Seoul", "INS", 0.93),
    DemoTeam("platform", "Platform", "Interfaces, accounts and addresses for everyone else.",
             "#team-platform", "Europe/Amsterdam", "PLT", 1.0),
    DemoTeam("notifications", "Notifications", "The right word to the right person in time.",
             "#team-notifications", "America/New_York", "NTF", 0.95),
    DemoTeam("product-ops", "Product Ops", "One place for product work, and the way it is done.",
             "#product-ops", "Europe/Lisbon", "OPS", 0.9),
)  # fmt: skip


class Person(NamedTuple):
    """One person. `team` and `duty` are empty for stakeholders, `lead` says whose."""

    name: str
    role: str
    job_title: str
    department: str
    time_zone: str
    team: str = ""
    duty: str = ""
    is_lead: bool = False
    audiences: tuple[str, ...] = ()


AUDIENCES = {
    "executives": "Executives",
    "engineering": "Engineering",
    "customer-facing": "Customer-facing",
}
_FACE = ("customer-facing",)
_ENG = ("engineering",)
_EXEC = ("executives",)

PEOPLE = (
    # --- Who decides ----------------------------------------------------------------------
    Person("Tomasz Wieczorek", "pm", "Senior product manager", "Product", "Europe/Warsaw",
           "dispatch", "pm", True),
    Person("Noor Haddad", "pm", "Product manager", "Product", "Europe/Amsterdam",
           "dispatch", "pm"),
    Person("Marijke van Dam", "pm", "Product manager", "Product", "Europe/Amsterdam",
           "yard", "pm", True),
    Person("Priya Raman", "pm", "Senior product manager", "Product", "Europe/Dublin",
           "billing", "pm", True),
    Person("Oisín Kelleher", "pm", "Product manager", "Product", "Europe/Dublin",
           "billing", "pm"),
    Person("Leila Haddad", "pm", "Product manager", "Product", "Europe/Lisbon",
           "driver-app", "pm", True),
    Person("Hye-jin Park", "pm", "Principal product manager", "Product", "Asia/Seoul",
           "insights", "pm", True),
    Person("Jonah Feld", "pm", "Product manager", "Product", "Europe/Berlin",
           "platform", "pm", True),
    Person("Sade Okonkwo", "pm", "Product manager", "Product", "Africa/Lagos",
           "platform", "pm"),
    Person("Gabriel Ortega", "pm", "Product manager", "Product", "America/New_York",
           "notifications", "pm", True),
    Person("Ines Carvalho", "product_ops", "Head of Product Ops", "Product", "Europe/Lisbon",
           "product-ops", "pm", True),
    Person("Mateus Almeida", "product_ops", "Product operations manager", "Product",
           "Europe/Lisbon", "product-ops", "pm"),
    # --- Who builds -----------------------------------------------------------------------
    Person("Kasia Nowicka", "stakeholder", "Engineering manager", "Engineering",
           "Europe/Warsaw", "dispatch", "engineering", audiences=_ENG),
    Person("Daan Bakker", "stakeholder", "Software engineer", "Engineering",
           "Europe/Amsterdam", "dispatch", "engineering", audiences=_ENG),
    Person("Yusuf Demir", "stakeholder", "Software engineer", "Engineering",
           "Europe/Istanbul", "dispatch", "engineering", audiences=_ENG),
    Person("Aino Lehtonen", "stakeholder", "Product designer", "Design",
           "Europe/Helsinki", "dispatch", "design"),
    Person("Ruben de Vries", "stakeholder", "Software engineer", "Engineering",
           "Europe/Amsterdam", "yard", "engineering", audiences=_ENG),
    Person("Chiara Lombardi", "stakeholder", "Software engineer", "Engineering",
           "Europe/Rome", "yard", "engineering", audiences=_ENG),
    Person("Pavel Novotný", "stakeholder", "Hardware engineer", "Engineering",
           "Europe/Prague", "yard", "engineering", audiences=_ENG),
    Person("Siobhán Walsh", "stakeholder", "Engineering manager", "Engineering",
           "Europe/Dublin", "billing", "engineering", audiences=_ENG),
    Person("Arjun Mehta", "stakeholder", "Software engineer", "Engineering",
           "Asia/Kolkata", "billing", "engineering", audiences=_ENG),
    Person("Lena Brandt", "stakeholder", "Data analyst", "Data",
           "Europe/Berlin", "billing", "data"),
    Person("Tiago Fonseca", "stakeholder", "Mobile engineer", "Engineering",
           "Europe/Lisbon", "driver-app", "engineering", audiences=_ENG),
    Person("Amara Diallo", "stakeholder", "Mobile engineer", "Engineering",
           "Africa/Dakar", "driver-app", "engineering", audiences=_ENG),
    Person("Freja Lund", "stakeholder", "Product designer", "Design",
           "Europe/Copenhagen", "driver-app", "design"),
    Person("Min-ho Seo", "stakeholder", "Data engineer", "Data",
           "Asia/Seoul", "insights", "data", audiences=_ENG),
    Person("Elif Kaya", "stakeholder", "Data scientist", "Data",
           "Europe/Istanbul", "insights", "data"),
    Person("Johan Lindqvist", "stakeholder", "Software engineer", "Engineering",
           "Europe/Stockholm", "insights", "engineering", audiences=_ENG),
    Person("Nikos Papadakis", "stakeholder", "Staff engineer", "Engineering",
           "Europe/Athens", "platform", "engineering", audiences=_ENG),
    Person("Wanjiru Kamau", "stakeholder", "Site reliability engineer", "Engineering",
           "Africa/Nairobi", "platform", "engineering", audiences=_ENG),
    Person("Bastien Moreau", "stakeholder", "Security engineer", "Engineering",
           "Europe/Paris", "platform", "engineering", audiences=_ENG),
    Person("Olivia Grant", "stakeholder", "Software engineer", "Engineering",
           "America/New_York", "notifications", "engineering", audiences=_ENG),
    Person("Diego Salazar", "stakeholder", "Software engineer", "Engineering",
           "America/Bogota", "notifications", "engineering", audiences=_ENG),
    Person("Mei Tanaka", "stakeholder", "Researcher", "Design",
           "Asia/Tokyo", "product-ops", "design"),
    # --- Who asks -------------------------------------------------------------------------
    Person("Ada Mensah", "stakeholder", "Account director", "Sales", "Europe/London",
           audiences=_FACE),
    Person("Lukas Steiner", "stakeholder", "Account executive", "Sales", "Europe/Vienna",
           audiences=_FACE),
    Person("Carmen Ruiz", "stakeholder", "Account executive", "Sales", "Europe/Madrid",
           audiences=_FACE),
    Person("Henrik Dahl", "stakeholder", "Sales engineer", "Sales", "Europe/Oslo",
           audiences=_FACE),
    Person("Fatima Zahra Bennani", "stakeholder", "Support lead", "Support",
           "Africa/Casablanca", audiences=_FACE),
    Person("George Whitlock", "stakeholder", "Support agent", "Support", "Europe/London",
           audiences=_FACE),
    Person("Agnieszka Zielińska", "stakeholder", "Support agent", "Support", "Europe/Warsaw",
           audiences=_FACE),
    Person("Thanh Nguyen", "stakeholder", "Support engineer", "Support", "Asia/Ho_Chi_Minh",
           audiences=_FACE),
    Person("Sofia Marchetti", "stakeholder", "Customer success manager", "Customer Success",
           "Europe/Rome", audiences=_FACE),
    Person("Babajide Adeyemi", "stakeholder", "Customer success manager", "Customer Success",
           "Africa/Lagos", audiences=_FACE),
    Person("Emma Fitzgerald", "stakeholder", "Head of customer success", "Customer Success",
           "Europe/Dublin", audiences=(*_FACE, *_EXEC)),
    Person("Willem Jansen", "stakeholder", "Depot manager", "Operations", "Europe/Amsterdam"),
    Person("Magda Kowalczyk", "stakeholder", "Depot manager", "Operations", "Europe/Warsaw"),
    Person("Rui Teixeira", "stakeholder", "Planning lead", "Operations", "Europe/Lisbon"),
    Person("Katrin Vogel", "stakeholder", "Planner", "Operations", "Europe/Berlin"),
    Person("Mehmet Aydın", "stakeholder", "Planner", "Operations", "Europe/Berlin"),
    Person("Ingrid Solheim", "stakeholder", "Carrier manager", "Carrier Relations",
           "Europe/Oslo", audiences=_FACE),
    Person("Vasile Ionescu", "stakeholder", "Carrier manager", "Carrier Relations",
           "Europe/Bucharest", audiences=_FACE),
    Person("Nadia Rahman", "stakeholder", "Finance controller", "Finance", "Europe/London"),
    Person("Pierre Lacroix", "stakeholder", "Accounts receivable", "Finance", "Europe/Paris"),
    Person("Hanna Schmid", "stakeholder", "Chief financial officer", "Finance",
           "Europe/Zurich", audiences=_EXEC),
    Person("Kwame Asante", "stakeholder", "Marketing manager", "Marketing", "Africa/Accra",
           audiences=_FACE),
    Person("Zoë Peeters", "stakeholder", "Product marketing", "Marketing", "Europe/Brussels",
           audiences=_FACE),
    Person("Andrzej Lis", "stakeholder", "Data protection officer", "Legal", "Europe/Warsaw"),
    Person("Rosa Delgado", "stakeholder", "IT manager", "IT", "Europe/Madrid"),
    Person("Anil Kapoor", "stakeholder", "Chief operating officer", "Operations",
           "Europe/Amsterdam", audiences=_EXEC),
)  # fmt: skip

# At larger scales the company has more people; names are combined.
GIVEN = (
    "Aisha", "Bram", "Camille", "Dmitri", "Esra", "Fabian", "Giulia", "Hassan", "Isabel", "Jakub",
    "Kaito", "Lara", "Milan", "Nia", "Otto", "Paula", "Quentin", "Rania", "Stefan", "Tuija",
    "Ulrike", "Viktor", "Wioletta", "Xavier", "Yara", "Zoran", "Abena", "Björn", "Chidi", "Dalia",
)  # fmt: skip
FAMILY = (
    "Abara", "Berg", "Castillo", "Dubois", "Eriksen", "Fischer", "Gallo", "Hoekstra", "Ivanov",
    "Jovanović", "Kim", "Larsen", "Mbeki", "Nagy", "O'Brien", "Petrov", "Qureshi", "Rossi",
    "Silva", "Takahashi", "Ueda", "Varga", "Weber", "Xu", "Yılmaz", "Zhang", "Andersson", "Boateng",
    "Costa", "Duarte", "Eze", "Farkas", "Gupta", "Horák", "Iqbal", "Jensen", "Kovács", "Lopes",
)  # fmt: skip
MORE_DEPARTMENTS = {
    "Sales": ("Account executive", _FACE),
    "Support": ("Support agent", _FACE),
    "Customer Success": ("Customer success manager", _FACE),
    "Operations": ("Planner", ()),
    "Carrier Relations": ("Carrier manager", _FACE),
    "Finance": ("Accounts payable", ()),
    "Marketing": ("Marketing specialist", _FACE),
    "Legal": ("Counsel", ()),
    "IT": ("System administrator", ()),
    "Engineering": ("Software engineer", _ENG),
}
MORE_ZONES = (
    "Europe/Amsterdam", "Europe/Warsaw", "Europe/Lisbon", "Europe/Berlin", "Europe/Madrid",
    "Europe/London", "America/New_York", "Asia/Kolkata",
)  # fmt: skip


def more_people(count: int) -> list[Person]:
    """So many further people, always the same ones; one in ten belongs to a team."""
    departments = list(MORE_DEPARTMENTS.items())
    people = []
    for index in range(count):
        department, (title, audiences) = departments[index % len(departments)]
        given = GIVEN[index % len(GIVEN)]
        family = FAMILY[index * 7 // len(GIVEN) % len(FAMILY)]
        is_engineer = department == "Engineering"
        people.append(
            Person(
                f"{given} {family}",
                "stakeholder",
                title,
                department,
                MORE_ZONES[index * 3 % len(MORE_ZONES)],
                TEAMS[index // len(departments) % len(TEAMS)].slug if is_engineer else "",
                "engineering" if is_engineer else "",
                audiences=audiences,
            )
        )
    return people


def mail_of(person: Person, number: int = 0) -> str:
    """The mail address; the number keeps namesakes apart."""
    if local := LOGINS.get(person.name):
        return f"{local}@{DOMAIN}"
    plain = _plain(person.name).split()
    suffix = str(number) if number else ""
    return f"{plain[0]}.{plain[-1]}{suffix}@{DOMAIN}"


_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "ı": "i", "ß": "ss", "đ": "d", "ð": "d", "'": "", "’": ""}
)


def _plain(name: str) -> str:
    split = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    return "".join(letter for letter in split if letter.isascii())
