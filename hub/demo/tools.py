"""What people at Harbourline work with."""

from typing import NamedTuple


class DemoTool(NamedTuple):
    """One line of the tool directory, the most used first."""

    slug: str
    name: str
    glyph: str
    purpose: str
    url: str
    category: str
    status: str
    owner: str
    team: str
    access: str


_ASK_OPS = "Ask in #product-ops. You have it within a working day."
_ASK_IT = "Ask IT for a seat. Your lead agrees first, it costs from the first day."

TOOLS = tuple(
    DemoTool(*tool)
    for tool in (
        ("jira", "Jira", "Ji", "Stories, bugs and sprints of all teams",
         "https://jira.harbourline.example", "building", "in_use", "Nikos Papadakis", "platform",
         "Everyone in Engineering, Design and Product has it.\n\nOthers read work items here."),
        ("productboard", "Productboard", "Pb", "Customer notes and the roadmap behind ours",
         "https://harbourline.productboard.example", "deciding", "in_use", "Mateus Almeida",
         "product-ops", _ASK_OPS),
        ("slack", "Slack", "Sl", "Talking, one channel a team",
         "https://harbourline.slack.example", "talking", "in_use", "Rosa Delgado", "",
         "Everyone has it from the first day."),
        ("figma", "Figma", "Fi", "Designs, prototypes and the component library",
         "https://figma.harbourline.example", "building", "in_use", "Aino Lehtonen", "dispatch",
         "Reading is open to all. Ask Aino for an editor seat."),
        ("looker", "Looker", "Lo", "Dashboards on deliveries, docks and invoices",
         "https://looker.harbourline.example", "numbers", "in_use", "Hye-jin Park", "insights",
         "Open to all. Ask in #team-insights before you build your own."),
        ("miro", "Miro", "Mi", "Boards for workshops",
         "https://miro.harbourline.example", "talking", "in_use", "Mei Tanaka", "product-ops",
         _ASK_OPS),
        ("dovetail", "Dovetail", "Do", "Interviews, with consent and themes",
         "https://dovetail.harbourline.example", "research", "in_use", "Mei Tanaka",
         "product-ops", "Ask Mei. Recordings are seen by product people alone."),
        ("amplitude", "Amplitude", "Am", "What people do in the driver app and the portal",
         "https://amplitude.harbourline.example", "numbers", "in_use", "Elif Kaya", "insights",
         _ASK_IT),
        ("github", "GitHub", "Gi", "Code and reviews",
         "https://github.harbourline.example", "building", "in_use", "Bastien Moreau",
         "platform", "Engineering has it. Others ask Bastien, with a reason."),
        ("sentry", "Sentry", "Se", "Errors in all products",
         "https://sentry.harbourline.example", "building", "in_use", "Wanjiru Kamau",
         "platform", "Sign in with your Harbourline account."),
        ("zendesk", "Zendesk", "Ze", "Tickets of shippers and receivers",
         "https://zendesk.harbourline.example", "research", "in_use", "Fatima Zahra Bennani", "",
         "Product managers read along for free. Ask Support."),
        ("salesforce", "Salesforce", "Sf", "Accounts, contracts and renewals",
         "https://salesforce.harbourline.example", "numbers", "in_use", "Ada Mensah", "",
         _ASK_IT),
        ("drive", "Google Drive", "Dr", "Contracts, slides and old documents",
         "https://drive.harbourline.example", "talking", "in_use", "Rosa Delgado", "",
         "Everyone has it. New documents about product work belong into the playbook."),
        ("launchdarkly", "LaunchDarkly", "Ld", "Switches for features that are rolled out",
         "https://launchdarkly.harbourline.example", "building", "in_use", "Nikos Papadakis",
         "platform", "Engineering has it. Product managers get a seat on request."),
        ("maze", "Maze", "Ma", "Tests of prototypes without a call",
         "https://maze.harbourline.example", "research", "trial", "Freja Lund", "driver-app",
         "On trial until the end of the quarter. Ask Freja for one of ten seats."),
        ("linear", "Linear", "Li", "Tasks of the gate hardware group",
         "https://linear.harbourline.example", "building", "retiring", "Pavel Novotný", "yard",
         "Closes in spring. Its projects move to Jira."),
        ("typeform", "Typeform", "Ty", "The old intake form and some surveys",
         "https://typeform.harbourline.example", "research", "retiring", "Ines Carvalho",
         "product-ops", "No new forms: send requests here instead."),
        ("work-items", "Work items", "Wo", "What the teams build, read from Jira",
         "/work/", "deciding", "in_use", "Ines Carvalho", "product-ops",
         "Everyone who signs in here."),
    )
)  # fmt: skip
