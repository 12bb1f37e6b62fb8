import pytest

import latebra as lb
from latebra.testing.carriers import carrier_checks, opened


@pytest.mark.parametrize(("carrier", "promise"), list(carrier_checks(lb.carriers)))
def test_carrier(carrier, promise):
    promise(opened(carrier))
