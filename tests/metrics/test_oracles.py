"""Every metric of the table against another way to its value, and that the comparison can tell."""

import pytest

from harness.metrics.analyses import value_of
from harness.metrics.table import METRICS
from harness.uncertainty.analysis import MetricCall
from tests.metrics.oracles import ORACLES, apart, ours, trained


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.metric)
def test_a_metric_has_the_value_of_its_oracle(oracle):
    assert apart(oracle) <= oracle.tolerance


def test_every_metric_has_an_oracle():
    assert {oracle.metric for oracle in ORACLES} == {row.name for row in METRICS}


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.metric)
def test_an_oracle_sees_other_rows(oracle):
    """The control: leaving out a fifth of each set moves every value by more than the tolerance."""
    real, fake = (rows[len(rows) // 5 :] for rows in oracle.sets())
    call = MetricCall(oracle.metric, dict(oracle.parameters))
    whole, part = ours(oracle), value_of(call, real, fake, training=trained(real.shape[1]))
    assert abs(part - whole) > 10 * oracle.tolerance * abs(whole)
