"""Scores, pure: what a model asks, what its formula makes of the answers, what a group says.

A scheme is a method with its criteria. Three families of formula:

- products (RICE, ICE, value and effort): benefits multiplied, divided by costs; a weight is the
  power that a criterion is taken to, 1 as the formula says;
- WSJF: weighted benefits added up, divided by the size of the job;
- weighted criteria: each answer brought to 0–100 on its own scale, costs the other way round,
  and averaged by weight;
- MoSCoW: an order of classes, with no weights.
"""

from intake.scoring.criteria import (
    KINDS,
    Criterion,
    Scheme,
    Step,
    Unfit,
    check_scheme,
    number_words,
    read_criteria,
    write_criteria,
)
from intake.scoring.formulas import (
    formula,
    formula_with,
    quadrant,
    read_answers,
    read_number,
    score,
    score_words,
)
from intake.scoring.ranking import (
    FIRM,
    TOP,
    Entrant,
    Firmness,
    Move,
    Sensitivity,
    above_line,
    firmness,
    firmness_words,
    group_score,
    moves,
    moves_words,
    order,
    rescored,
    sensitivity,
    weeks_of,
)
from intake.scoring.spreads import (
    APART_WORDS,
    Axis,
    Spread,
    axis_for,
    median,
    spread,
    spread_of,
    widest,
)

__all__ = [
    "APART_WORDS",
    "FIRM",
    "KINDS",
    "Axis",
    "Criterion",
    "Entrant",
    "Firmness",
    "Move",
    "Scheme",
    "Sensitivity",
    "Spread",
    "Step",
    "TOP",
    "Unfit",
    "above_line",
    "axis_for",
    "check_scheme",
    "firmness",
    "firmness_words",
    "formula",
    "formula_with",
    "group_score",
    "median",
    "moves",
    "moves_words",
    "number_words",
    "order",
    "quadrant",
    "read_answers",
    "read_criteria",
    "read_number",
    "rescored",
    "score",
    "score_words",
    "sensitivity",
    "spread",
    "spread_of",
    "weeks_of",
    "widest",
    "write_criteria",
]
