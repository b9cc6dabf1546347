import pytest

from intake import scoring
from intake.models import ScoringModel

INSTALLED = {"rice", "ice", "wsjf", "moscow", "value-effort", "weighted"}


@pytest.mark.django_db
def test_six_models_are_installed_with_rubrics_that_work():
    models = ScoringModel.objects.filter(slug__in=INSTALLED).select_related("version")
    assert {model.slug for model in models} == INSTALLED
    for model in models:
        scheme = scoring.Scheme(model.method, scoring.read_criteria(model.version.criteria))
        scoring.check_scheme(scheme)
        assert model.version.number == 1 and model.purpose
        for one in scheme.criteria:
            assert one.help, (model.slug, one.key)
            assert one.kind == "number" or len(one.steps) >= 3
            assert all(step.meaning for step in one.steps), (model.slug, one.key)
        lowest = {one.key: one.bounds[0] for one in scheme.criteria}
        assert scoring.score(scheme, lowest) is not None
