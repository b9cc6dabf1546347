"""What the hub knows about its sources, what came in from them and what goes out to them."""

from integrations.models.inbound import InboundMessage
from integrations.models.jira import JiraFieldRole
from integrations.models.links import IdentityLink, ItemLink, StatusRule
from integrations.models.outbound import Delivery
from integrations.models.productboard import JiraConnection, MemberDay
from integrations.models.shared_fields import FieldRule, FieldState, SharedField
from integrations.models.slack import SlackChannel, SlackMember, SlackMessage
from integrations.models.syncing import RawRecord, Source, SourceState, SyncError, SyncRun

__all__ = [
    "Delivery",
    "FieldRule",
    "FieldState",
    "IdentityLink",
    "InboundMessage",
    "ItemLink",
    "JiraConnection",
    "JiraFieldRole",
    "MemberDay",
    "RawRecord",
    "SharedField",
    "SlackChannel",
    "SlackMember",
    "SlackMessage",
    "Source",
    "SourceState",
    "StatusRule",
    "SyncError",
    "SyncRun",
]
