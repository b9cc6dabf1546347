"""What people at Harbourline ask for, say and decide.

A story is (team, kind, departments that ask, who is affected, title, title with a place or a
customer in it, problem). Slots: {depot} {carrier} {shipper} {n} {day} {month}.
"""

from typing import NamedTuple


class Story(NamedTuple):
    """One need, told once by hand, that different people meet in different places."""

    team: str
    kind: str
    departments: tuple[str, ...]
    affected: tuple[str, ...]
    title: str
    again: str
    problem: str


_SALES, _SUPPORT, _CS, _FIN = "Sales", "Support", "Customer Success", "Finance"
_OPS, _CARRIER, _MKT, _LEGAL, _IT = "Operations", "Carrier Relations", "Marketing", "Legal", "IT"

STORIES = tuple(
    Story(*story)
    for story in (
        # --- Dispatch ---------------------------------------------------------------------
        ("dispatch", "idea", (_OPS, _SUPPORT), ("office", "customers"),
         "Bulk reschedule when a depot closes",
         "Bulk reschedule when {depot} closes",
         "When {depot} closed on {day}, planners moved {n} deliveries by hand. It took six hours "
         "and 41 customers got two messages each. We need to pick a depot and a day, choose where "
         "its stops go, and tell every customer once."),
        ("dispatch", "problem", (_OPS,), ("office",),
         "Route board loses its filters after every refresh",
         "Route board at {depot} loses its filters after every refresh",
         "The board refreshes every two minutes and drops the filter on vehicle type. Planners at "
         "{depot} now keep two browsers open and still assign the wrong vans."),
        ("dispatch", "idea", (_SALES, _CS), ("customers",),
         "Let a shipper narrow the delivery window to one hour",
         "One-hour delivery windows for {shipper}",
         "{shipper} loses receivers because our shortest window is four hours. They would pay for "
         "one hour in city centres, and {n} stops a week would use it."),
        ("dispatch", "problem", (_SUPPORT,), ("customers", "field"),
         "Arrival times ignore the lunch closure of receivers",
         "Arrival times ignore the lunch closure at {shipper} stores",
         "We promise 12:40, the store is shut from 12:30 to 13:30, and the driver waits. This "
         "happened {n} times last month with {shipper} alone."),
        ("dispatch", "data", (_OPS, _FIN), ("office",),
         "How many stops are replanned after the van has left?",
         "How many stops at {depot} are replanned after the van has left?",
         "We think late replanning costs us more than fuel, but nobody knows how often it happens. "
         "A count per depot and week would be enough to decide whether to act."),
        ("dispatch", "idea", (_CARRIER,), ("partners",),
         "Offer a rejected route to the next carrier by itself",
         "Offer routes that {carrier} rejects to the next carrier",
         "When {carrier} rejects a route, a planner phones down a list. It takes 25 minutes on "
         "average, and on Mondays the list is long."),
        ("dispatch", "problem", (_OPS,), ("field",),
         "Two vans were sent to the same dock at the same minute",
         "Two vans were sent to the same dock in {depot} at the same minute",
         "On {day} both vans queued for 50 minutes at {depot}. The planner saw the clash only when "
         "the gate called. The board should refuse, or at least warn."),
        ("dispatch", "help", (_SUPPORT, _CS), ("office",),
         "Who may override a driver's legal rest?",
         "Who may override a driver's legal rest at {depot}?",
         "The board lets anyone press Override. {carrier} asked us in writing who did it on {day}, "
         "and we could not say."),
        ("dispatch", "idea", (_OPS,), ("office", "field"),
         "Show driver hours next to each route",
         "Show driver hours of {carrier} next to each route",
         "Planners open a second system to see who still has hours. With {n} routes a day that is "
         "an hour of clicking, and twice this month a driver ran out on the road."),
        ("dispatch", "idea", (_SALES,), ("customers",),
         "Keep a route free of dairy after fish",
         "Keep {shipper} routes free of mixed cold loads",
         "{shipper} audits us for hygiene. Today the rule lives on a sticky note in {depot}. If a "
         "planner forgets it we lose the audit, and with it the contract."),
        # --- Yard -------------------------------------------------------------------------
        ("yard", "idea", (_OPS,), ("field", "partners"),
         "Let drivers book their dock from the gate queue",
         "Let {carrier} drivers book their dock in {depot} from the queue",
         "Drivers in {depot} wait in the cabin until someone waves. A number on the phone and a "
         "dock on the screen would save the walk and the shouting."),
        ("yard", "problem", (_OPS, _CARRIER), ("partners",),
         "Gate cameras misread Polish plates",
         "Gate camera in {depot} misreads {carrier} plates",
         "O and 0 are mixed up, the barrier stays shut, and the guard types the plate by hand. "
         "About {n} trucks a week, mostly {carrier}."),
        ("yard", "idea", (_OPS,), ("field",),
         "Warn when a trailer stands longer than three days",
         "Warn when a trailer stands in {depot} longer than three days",
         "We paid {n} euros of demurrage in {month} for trailers that nobody remembered. A list "
         "every morning would do."),
        ("yard", "data", (_FIN, _OPS), ("office",),
         "Dock use by hour for the new shift plan",
         "Dock use by hour in {depot} for the new shift plan",
         "The works council meets on {day}. We need dock use by hour and weekday for a year, "
         "without names, to plan the early shift."),
        ("yard", "problem", (_OPS,), ("field",),
         "Seal numbers with a letter cannot be entered",
         "Seal numbers of {carrier} with a letter cannot be entered",
         "The field takes digits only. Guards write the seal on paper and photograph it, and "
         "customs asked for {n} of those photos last quarter."),
        ("yard", "idea", (_LEGAL, _OPS), ("field", "us"),
         "Delete visitor photos after thirty days",
         "Delete visitor photos in {depot} after thirty days",
         "We keep them for ever. The data protection officer wants thirty days, and a log that "
         "shows they are gone."),
        ("yard", "help", (_OPS,), ("office",),
         "How do we mark a dock as broken?",
         "How do we mark dock 7 in {depot} as broken?",
         "The leveller failed on {day}. We put a cone in front of it, and the system kept sending "
         "trucks there until the evening."),
        ("yard", "problem", (_SUPPORT,), ("partners",),
         "Pre-registered trucks are asked for their papers again",
         "Pre-registered trucks of {carrier} are asked for their papers again",
         "They register online the day before and still stand at the counter. {carrier} says it "
         "stopped registering, because it saves nothing."),
        ("yard", "idea", (_CARRIER,), ("partners",),
         "Text the driver when the dock is free",
         "Text {carrier} drivers in their language when the dock is free",
         "The loudspeaker speaks Dutch. Most drivers at {depot} do not. A text in five languages "
         "would end {n} phone calls a week."),
        # --- Billing ----------------------------------------------------------------------
        ("billing", "idea", (_FIN, _SUPPORT), ("customers",),
         "One inbox for invoice disputes",
         "One inbox for the invoice disputes of {shipper}",
         "Disputes arrive by mail, phone and portal. Finance answers some twice and {n} of last "
         "quarter's never. {shipper} holds back payment until we answer."),
        ("billing", "problem", (_FIN,), ("office",),
         "Rounding differs between invoice and credit note",
         "Rounding differs between invoice and credit note for {shipper}",
         "The invoice rounds per line, the credit note per total. The difference is a cent, and "
         "every cent costs {shipper} and us a mail each."),
        ("billing", "idea", (_FIN, _SALES), ("customers",),
         "Invoices in the shipper's currency and layout",
         "Invoices for {shipper} in their currency and layout",
         "{shipper} copies {n} lines a month from our PDF into its own form. They asked for their "
         "layout twice, and our competitor offers it."),
        ("billing", "problem", (_SUPPORT, _FIN), ("customers",),
         "Waiting time is billed although we were late",
         "{shipper} is billed for waiting although we were late",
         "The clock starts with the window, not with our arrival. On {day} {shipper} paid for 90 "
         "minutes in which our van was still on the motorway."),
        ("billing", "data", (_FIN,), ("office",),
         "Which surcharges do we credit most often?",
         "Which surcharges do we credit {shipper} most often?",
         "We suspect that the island surcharge is wrong in one case of three. Twelve months of "
         "credit notes by reason would show it."),
        ("billing", "idea", (_CARRIER, _FIN), ("partners",),
         "Self-billing for small carriers",
         "Self-billing for {carrier}",
         "{carrier} has one person for invoices, who is away every second Friday. If we wrote the "
         "invoice, they would be paid on time and we would stop chasing."),
        ("billing", "idea", (_SALES,), ("customers",),
         "Price a lane before the contract is signed",
         "Price the {depot} lane for {shipper} before the contract is signed",
         "Sales guesses fuel and tolls in a spreadsheet. Two of the last ten contracts lose money "
         "because the guess was old."),
        ("billing", "help", (_SALES, _CS), ("office",),
         "May we waive a cancellation fee once?",
         "May we waive the cancellation fee for {shipper} once?",
         "They cancelled {n} stops because of the strike. Who decides, up to which sum, and where "
         "do we write it down?"),
        ("billing", "problem", (_FIN,), ("office",),
         "Month-end report times out for large shippers",
         "Month-end report times out for {shipper}",
         "It runs for five minutes and then fails. Finance splits it by week and adds it up by "
         "hand, and the sums did not match in {month}."),
        # --- Driver app -------------------------------------------------------------------
        ("driver-app", "problem", (_CARRIER, _SUPPORT), ("field",),
         "The app signs drivers out in tunnels",
         "The app signs {carrier} drivers out in tunnels",
         "A lost connection of two minutes asks for the password again. {carrier} counted {n} "
         "sign-ins on one day, most of them at the wheel."),
        ("driver-app", "idea", (_OPS, _CARRIER), ("field",),
         "Photograph damage without leaving the stop",
         "Photograph damage for {shipper} without leaving the stop",
         "Drivers use their own phone and send pictures by chat. Half never reach the claim. "
         "{shipper} lost {n} claims for lack of a picture."),
        ("driver-app", "idea", (_CARRIER,), ("field",),
         "Night mode that does not blind",
         "Night mode for {carrier} drivers that does not blind",
         "The map is white at five in the morning. Drivers turn the screen off and miss the "
         "changes. A dark map and larger text would help."),
        ("driver-app", "problem", (_SUPPORT,), ("field", "customers"),
         "Signature of the receiver is cut off on small phones",
         "Receiver signatures for {shipper} are cut off on small phones",
         "The box is wider than the screen. {n} proofs of delivery last month show half a name, "
         "and {shipper} refuses to pay for them."),
        ("driver-app", "idea", (_OPS,), ("field",),
         "Say why a stop failed with one press",
         "Say why a {shipper} stop failed with one press",
         "Drivers choose from 34 reasons in English. Most press the first one. Six reasons with "
         "pictures would give us data we can use."),
        ("driver-app", "data", (_OPS, _CARRIER), ("us",),
         "How many drivers still use version 6?",
         "How many {carrier} drivers still use version 6?",
         "We want to end support in {month}. If more than one in twenty still uses it, we have to "
         "wait for the winter."),
        ("driver-app", "idea", (_CARRIER, _LEGAL), ("field",),
         "Let drivers see and export their own hours",
         "Let {carrier} drivers see and export their own hours",
         "They have a right to it, and today they mail Support, who mails Data. It takes nine "
         "days and annoys everyone."),
        ("driver-app", "problem", (_OPS,), ("field",),
         "Navigation sends tall vans under low bridges",
         "Navigation near {depot} sends tall vans under a low bridge",
         "The bridge on the ring road is 3.2 metres, our vans are 3.4. {carrier} turned round "
         "{n} times last month, each time with a police report."),
        ("driver-app", "idea", (_CS, _OPS), ("customers", "field"),
         "Leave a parcel with a neighbour, with consent",
         "Leave {shipper} parcels with a neighbour, with consent",
         "One delivery in eight fails because nobody is home. {shipper} would accept a neighbour "
         "if the receiver agreed beforehand."),
        # --- Insights ---------------------------------------------------------------------
        ("insights", "data", (_SALES, _CS), ("customers",),
         "On-time share by shipper for quarterly reviews",
         "On-time share of {shipper} for the quarterly review",
         "The account team builds it by hand before every review. {shipper} found two errors in "
         "the last one and now asks for the raw data."),
        ("insights", "idea", (_OPS,), ("office",),
         "Tell a depot the evening before that tomorrow will be hard",
         "Tell {depot} the evening before that tomorrow will be hard",
         "Volume, weather and sickness are all known at six in the evening. {depot} hears about "
         "them at five in the morning, when it is too late for a second shift."),
        ("insights", "problem", (_OPS, _FIN), ("office",),
         "Arrival accuracy counts cancelled stops as late",
         "Arrival accuracy of {depot} counts cancelled stops as late",
         "The strike on {day} cost {depot} eleven points of accuracy, and the team its bonus. "
         "Cancelled by the customer is not late."),
        ("insights", "idea", (_SALES, _MKT), ("customers",),
         "Carbon per parcel that an auditor accepts",
         "Carbon per parcel for {shipper} that an auditor accepts",
         "{shipper} must report it from next year. Our average is not accepted: they need the "
         "method, the source and the date beside the number."),
        ("insights", "data", (_FIN,), ("office",),
         "Cost of an empty kilometre by carrier",
         "Cost of an empty kilometre with {carrier}",
         "Before we renew {carrier} we want to know what the way back costs us. Fuel, tolls and "
         "hours, last twelve months."),
        ("insights", "help", (_MKT,), ("office",),
         "May we publish the delivery map?",
         "May we publish the delivery map of {depot}?",
         "Marketing wants it for the trade fair on {day}. It shows streets, and some streets have "
         "one house."),
        ("insights", "problem", (_CS,), ("customers",),
         "Shipper dashboard shows yesterday as zero until noon",
         "Dashboard of {shipper} shows yesterday as zero until noon",
         "They open it at eight, see zero and phone us. {n} calls in {month}. It should say that "
         "the numbers are not in yet."),
        ("insights", "idea", (_OPS, _SUPPORT), ("office",),
         "One page that explains a late delivery",
         "One page that explains a late {shipper} delivery",
         "Support opens five systems to answer why. A line with gate, dock, route, traffic and "
         "scan would answer most of the {n} questions a week."),
        ("insights", "idea", (_FIN, _OPS), ("office",),
         "Forecast that shows how sure it is",
         "Volume forecast for {depot} that shows how sure it is",
         "We hire from one number. When it was wrong in {month}, {n} temps stood idle. A range "
         "would let us choose the risk."),
        # --- Platform ---------------------------------------------------------------------
        ("platform", "idea", (_IT, _CARRIER), ("partners",),
         "Single sign-on for carriers",
         "Single sign-on for {carrier}",
         "{carrier} has {n} people with accounts and a help desk that resets our passwords. Their "
         "security review in {month} made it a condition."),
        ("platform", "problem", (_IT, _CS), ("customers",),
         "Webhooks stop for good after one failure",
         "Webhooks to {shipper} stop for good after one failure",
         "Their server was down for ten minutes on {day}. We stopped sending and told nobody. "
         "They noticed four days and {n} orders later."),
        ("platform", "idea", (_IT,), ("us", "office"),
         "Audit log that a customer can download",
         "Audit log that {shipper} can download",
         "Their auditors ask who saw which address. We answer by hand from three systems, once a "
         "quarter, and each time differently."),
        ("platform", "problem", (_SUPPORT, _IT), ("customers",),
         "Address search finds the wrong Bergen",
         "Address search finds the wrong town near {depot}",
         "There are several, and we take the largest. {n} parcels of {shipper} went abroad and "
         "back. The postcode is there: we just do not use it."),
        ("platform", "idea", (_IT, _SALES), ("customers",),
         "A sandbox that looks like production",
         "A sandbox for {shipper} that looks like production",
         "Integrators test in production because the sandbox has three orders from years ago. On "
         "{day} a test order was delivered. It was a sofa."),
        ("platform", "data", (_IT,), ("us",),
         "Which API versions are still called, and by whom?",
         "Which API versions does {carrier} still call?",
         "Version 2 costs us a server. Before we write to anyone, we want to know who would "
         "notice."),
        ("platform", "problem", (_SUPPORT,), ("customers", "partners"),
         "Password reset mails arrive after they expire",
         "Password reset mails to {carrier} arrive after they expire",
         "Their mail filter holds ours for twenty minutes, the link lives for fifteen. {n} "
         "tickets last month."),
        ("platform", "help", (_IT, _LEGAL), ("office",),
         "Where is customer data stored, exactly?",
         "Where is the data of {shipper} stored, exactly?",
         "{shipper} needs countries, companies and backups in writing by {day}, or it may not "
         "sign."),
        ("platform", "idea", (_IT,), ("us",),
         "Limit how much one integration may take",
         "Limit how much the {shipper} integration may take",
         "Their nightly import slowed everyone down on {day}. A limit with a clear message would "
         "be fair to both."),
        # --- Notifications ----------------------------------------------------------------
        ("notifications", "idea", (_CS, _MKT), ("customers",),
         "Let receivers choose how they hear from us",
         "Let receivers of {shipper} choose how they hear from us",
         "Some want a text, some a mail, many nothing before ten. {n} people unsubscribed from "
         "everything because they could not unsubscribe from one."),
        ("notifications", "problem", (_SUPPORT,), ("customers",),
         "“Arriving in ten minutes” is sent two hours early",
         "“Arriving in ten minutes” near {depot} is sent two hours early",
         "When a driver skips a stop, all later ones count as next. {n} people waited at the door "
         "on {day}."),
        ("notifications", "problem", (_SUPPORT, _CS), ("customers",),
         "Messages go out at three in the morning after a sync",
         "{shipper} receivers get messages at three in the morning",
         "The nightly import marks orders as changed, and we tell people about it at once. Quiet "
         "hours exist for texts only."),
        ("notifications", "idea", (_SALES,), ("customers",),
         "Messages in the shipper's name and colours",
         "Messages in {shipper}'s name and colours",
         "Receivers do not know who Harbourline is and take us for fraud. {shipper} would pay for "
         "its own name."),
        ("notifications", "idea", (_CS, _OPS), ("customers",),
         "A link to move a delivery instead of a phone number",
         "A link to move a {shipper} delivery instead of a phone number",
         "The text says call us. We get {n} calls a day that end with another day in the same "
         "week. People would do it themselves."),
        ("notifications", "data", (_MKT, _CS), ("office",),
         "How many messages does one delivery cause?",
         "How many messages does one {shipper} delivery cause?",
         "We think seven. We would like to know before we add an eighth."),
        ("notifications", "problem", (_LEGAL,), ("customers",),
         "Texts to Swiss numbers lack the sender",
         "Texts about {shipper} parcels to Swiss numbers lack the sender",
         "Since {month} the rules ask for a registered name. Ours is not, so the texts come from "
         "a random number and look like fraud."),
        ("notifications", "help", (_SUPPORT,), ("office",),
         "Can we stop a wrong message that is on its way?",
         "Can we stop a wrong message to {n} receivers?",
         "On {day} a template went out with a placeholder in it. We watched for nine minutes and "
         "could do nothing."),
        ("notifications", "idea", (_CARRIER, _OPS), ("partners",),
         "Tell the carrier when a depot changes its hours",
         "Tell {carrier} when {depot} changes its hours",
         "We put it on a page that nobody reads. {n} trucks came to a closed gate in {month}."),
        # --- Product Ops ------------------------------------------------------------------
        ("product-ops", "idea", (_SALES, _CS), ("office", "us"),
         "Weekly digest of roadmap changes",
         "Digest of roadmap changes for the {shipper} account team",
         "We learn from customers what we will ship. Five lines every Friday, with what moved and "
         "why, would be enough."),
        ("product-ops", "idea", (_MKT, _SALES), ("us",),
         "Template for a launch checklist",
         "Launch checklist for changes that {shipper} sees",
         "Every launch forgets someone: Support, the help pages, or Legal. Last time it was all "
         "three."),
        ("product-ops", "help", (_SALES, _SUPPORT), ("office",),
         "Who owns the carrier portal?",
         "Who owns what {carrier} sees in the portal?",
         "Three teams said it was one of the other two. The customer is waiting."),
        ("product-ops", "problem", (_SUPPORT, _CS), ("us",),
         "The same request is answered by two product managers",
         "Two product managers answered {shipper} differently",
         "One said yes by summer, one said no. {shipper} forwarded us both mails on {day} with a "
         "question mark."),
        ("product-ops", "data", (_FIN,), ("us",),
         "What do we pay for research tools, and who uses them?",
         "What do we pay for design tools, and who uses them?",
         "Three invoices a quarter with the same purpose. Before the renewal in {month} we would "
         "like names and last use."),
        ("product-ops", "idea", (_CS, _SUPPORT), ("us", "customers"),
         "Tell the customer who asked when it ships",
         "Tell {shipper} when what they asked for ships",
         "They hear it from our competitor's sales people, who read our release notes. We had "
         "promised to tell them first."),
        ("product-ops", "idea", (_OPS, _IT), ("us",),
         "One calendar of freezes, launches and reviews",
         "One calendar of freezes and launches for {depot}",
         "The Christmas freeze began on {day}. Two teams learned it from a rejected release."),
        ("product-ops", "help", (_MKT,), ("us",),
         "Where do interview recordings belong?",
         "Where do the recordings with {carrier} drivers belong?",
         "Some are in private folders. Consent was given for a year, and the first year ends in "
         "{month}."),
    )
)  # fmt: skip

DEPOTS = (
    "Rotterdam", "Gdańsk", "Antwerp", "Duisburg", "Lyon", "Zaragoza", "Felixstowe", "Gothenburg",
    "Trieste", "Poznań", "Brno", "Porto", "Aarhus", "Tilburg", "Leipzig", "Bologna",
)  # fmt: skip
CARRIERS = (
    "Nordhaul", "Vanguard Freight", "Kestrel Lines", "Delta Cargo", "Blueway", "Ostrow Trans",
    "Sørlie Transport", "Ferro Express", "Marden Haulage", "Tessera Logistics", "Quickvan",
    "Albatros", "Iberluz", "Carpathia Road", "Lindqvist Åkeri",
)  # fmt: skip
SHIPPERS = (
    "Lumen Home", "Brightwell Foods", "Kallas Furniture", "Ardent Pharma", "Pommier", "Stenberg",
    "Oakline Paper", "Velo Nord", "Casa Verde", "Hartmann Glass", "Mirelle", "Juniper Toys",
    "Solara Panels", "Thornbury Books", "Fjord Seafood", "Bergmann Parts", "Ostara Garden",
)  # fmt: skip
# At larger scales the same need is met by more than one customer in one place.
TAILS = (
    "", " (asked by {shipper})", " for {carrier}", " at {depot}", " before {month}",
    " in the {shipper} contract", " on {day} nights", " for the {month} peak",
)  # fmt: skip
# What the requester adds; the first is nothing.
CASES = (
    "",
    "The last case was on {day} in {depot}.",
    "I have the mails of three customers, if you want to read them.",
    "We work round it with a spreadsheet that only one of us understands.",
    "{shipper} asks about it in every call.",
    "It got worse in {month}, when volume went up.",
    "I am happy to show it to someone, it takes ten minutes.",
    "It is not urgent, but it never stops.",
    "Our workaround costs about {n} minutes a week.",
    "If it is a no, a short reason would help me to tell {shipper}.",
)

# A question of the product manager, and what the requester answers.
TALKS = (
    ("Which depots see this, and since when?", "{depot} and {depot2}, since {month}."),
    ("How do you work round it today?",
     "With a shared spreadsheet. One of us updates it at noon, if there is time."),
    ("How many people would use it in a normal week?",
     "About {n}. In peak weeks it is twice that."),
    ("Could you send one real case, with date and order?",
     "Order 88-{n}417 for {shipper}, on {day}. I put the screenshots into the link."),
    ("What happens if we do nothing until the summer?",
     "{shipper} renews in {month}. They said this is one of two open points."),
    ("Is it enough to see it, or does someone have to act on it?",
     "Seeing it is enough. Acting on it is our job, we only come too late today."),
    ("Does it have to be right for every carrier?",
     "No. {carrier} alone is half of the cases."),
    ("Who decides on your side when two customers want the opposite?",
     "The account lead. I have asked, and it is the same answer for both."),
    ("Would a report once a week do?", "Yes, if it comes before Monday at nine."),
    ("Which of the two matters more: fewer errors, or less time?",
     "Fewer errors. The time is ours, the errors are the customer's."),
    ("Do you have numbers from before {month}?",
     "Only from mails: roughly {n} cases. After that we counted properly."),
    ("Did the last release change anything for you?",
     "A little. It happens less, but when it does it takes as long as before."),
)  # fmt: skip

COMMENTS = (
    "Same for us in {depot}. We count about {n} a week.",
    "+1 from the {shipper} account. They raised it in the last review.",
    "We had a ticket about this in {month} and closed it, because nobody owned it.",
    "I talked to two planners. They would rather have it simple and soon.",
    "Careful: {carrier} does this differently, they scan at the gate.",
    "Support can test it, we have a list of {n} people who would try it first.",
    "Legal has no objection, as long as we do not store the phone number.",
    "This would also settle the question that Finance asked last week.",
    "I looked at the data: it is real, but two thirds of it come from one depot.",
    "The interview notes are linked in the evidence. The third one is the clearest.",
    "Please also think of the night shift: they see it without anyone to ask.",
    "We tried something like it two years ago. It failed because of the roles, not the idea.",
    "For {shipper} a mail would be enough. They do not use the portal.",
    "I can join a call on {day}. Mornings are better.",
    "It is the first thing new colleagues ask about.",
    "Design has a sketch from the spring that fits.",
    "Half of it is possible today, only nobody knows. I will write a help page.",
    "If we do this, we can switch off the old report. That saves us a day a month.",
    "The estimate was small when we looked last. The tests are the larger part.",
    "Customers in the south do not have this problem at all, by the way.",
    "We measured it for two weeks: {n} cases, nine of them serious.",
    "{carrier} would join a pilot. They asked for a date before {month}.",
    "The workaround broke again on {day}.",
    "I merged my own notes into the description. Nothing new, just in order.",
    "Not only {depot}: Poznań sees it as well, since they changed the gate.",
    "Could we start with a warning? Refusing would block the morning.",
    "Thank you for the quick answer. That helps me with the customer.",
    "I would not do the second half. Nobody asked for it.",
    "The numbers in the dashboard agree with ours now.",
    "We can live with it until the summer, if we know that it comes.",
    "Please keep the old export. Three customers build on it.",
    "From the field: drivers find it by themselves after a week.",
    "One more case today, same pattern. I added it to the list.",
    "The carrier's API can do it. They sent us the page.",
    "Happy to write the words, if someone builds it.",
    "Finance would need a month's notice before the change.",
)

REASONS = {
    "do": (
        "Three of our five largest shippers asked for it this quarter, and it fits the work that "
        "starts next month. We begin with {depot}.",
        "It costs planners more than six hours a week and the fix is small. It goes in before the "
        "peak.",
        "The data show {n} cases a month, and each costs a call. We do the warning first and the "
        "rest if it is not enough.",
        "It closes a gap that two audits have named. We take it into this quarter.",
        "Small, safe, and it ends a weekly complaint. The team picks it up after the current "
        "release.",
        "The pilot with {carrier} cut the waiting by a third. We roll it out to all depots.",
        "It is the cheapest way to keep the promise we made to {shipper} in {month}.",
        "We would have built it next year anyway. Doing it now saves a workaround.",
        "Every hour of delay here delays the whole morning. It comes before the new reports.",
        "We do the first half, as proposed in the comments. The second half had no user.",
    ),
    "later": (
        "Right need, wrong moment: it builds on the new roles, which land in {month}. We look at "
        "it again then.",
        "The team is on the gate migration until the end of the quarter. We come back to it in "
        "the next planning.",
        "Two depots see it so far. If a third does, or {shipper} renews, it moves up.",
        "We want to see what the last release changes before we build more. Two months of data "
        "will tell.",
        "It waits for the carrier's new API, which is announced for {month}.",
        "Good idea, and smaller ones in the same area help more people first.",
        "We need the legal answer first. It is asked, and usually takes six weeks.",
        "Not before the winter freeze. The risk in the peak is larger than the gain.",
    ),
    "no": (
        "It helps one customer and would make the board slower for all others. The export covers "
        "the case, and we wrote down how.",
        "We looked at {n} cases: four in five come from a setting that {depot} can change today. "
        "We changed it with them.",
        "It would mean to keep personal data that we have just agreed to delete.",
        "The rule is the law, not our choice. The help page now explains it in two sentences.",
        "It exists: the filter is under Views. We made it easier to find instead.",
        "Building and keeping it costs more than the surcharge brings in, also in the best case.",
        "We end this report in {month}. The new one answers the question.",
        "Two teams tried it and drivers did not use it. We would rather fix the reason they call.",
        "It breaks the promise of one place for disputes. We would have two again.",
        "We do not want to be the system for that: {carrier} has one, and it is better.",
    ),
}

# The code of each reason above, in the same order.
REASON_CODES = {
    "later": (
        "wrong-time", "wrong-time", "too-few", "unclear", "cannot", "not-aligned", "cannot",
        "wrong-time",
    ),
    "no": (
        "possible", "possible", "cannot", "cannot", "possible", "too-costly", "duplicate",
        "not-aligned", "duplicate", "not-ours",
    ),
}  # fmt: skip

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip

# What people add when they vote.
VOICES = (
    "We have this twice a week in Support. Each time it costs two of us half an hour.",
    "Three of my accounts asked for it in their reviews. One renews in March.",
    "In Antwerp it is the same, only worse on Mondays.",
    "Finance corrects the result by hand at the end of each month, about forty lines.",
    "Our carriers ask for it in every call. They have it from two of our competitors.",
    "I wrote a spreadsheet for it. Nine people use it by now, and it breaks each quarter.",
    "It came up in the last five onboarding calls.",
    "Not urgent for us, but it would save the weekly export.",
    "We lost a bid over this in October.",
    "The night shift works around it with paper. I have photographs.",
)
