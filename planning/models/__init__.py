"""Decisions, and the work that follows from them."""

from planning.models.decisions import (
    DECISION_NUMBERS,
    REASON_LENGTH,
    TITLE_LENGTH,
    Decision,
    DecisionLink,
    DecisionOption,
    DecisionQuerySet,
    Outcome,
    ReasonCode,
    SecondLook,
    Verdict,
    Visibility,
)
from planning.models.product import ProductEntity, ProductField, ProductRelation
from planning.models.work import (
    Category,
    FlowRule,
    Phase,
    Transition,
    WorkItem,
    WorkProject,
    WorkStatus,
)

__all__ = [
    "DECISION_NUMBERS",
    "REASON_LENGTH",
    "TITLE_LENGTH",
    "Category",
    "Decision",
    "DecisionLink",
    "DecisionOption",
    "DecisionQuerySet",
    "FlowRule",
    "Outcome",
    "Phase",
    "ProductEntity",
    "ProductField",
    "ProductRelation",
    "ReasonCode",
    "SecondLook",
    "Transition",
    "Verdict",
    "Visibility",
    "WorkItem",
    "WorkProject",
    "WorkStatus",
]
