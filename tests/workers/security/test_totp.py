"""The test vectors of RFC 4226, appendix D, and RFC 6238, appendix B."""

import pytest

from storeloom.workers.security import totp

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(("counter", "code"), [(0, "755224"), (1, "287082"), (9, "520489")])
def test_hotp(counter, code):
    assert totp.hotp(SECRET, counter, 6) == code


@pytest.mark.parametrize(("unix_s", "code"), [(59, "94287082"), (1111111109, "07081804"), (20000000000, "65353130")])
def test_totp(unix_s, code):
    assert totp.totp(SECRET, unix_s, 30, 8) == code


def test_a_code_holds_for_its_step_and_the_next():
    assert [totp.is_current("287082", SECRET, t, 30, 6) for t in (29, 30, 59, 75, 89, 90, 95)] == [
        False,
        True,
        True,
        True,
        True,
        False,
        False,
    ]
    assert not totp.is_current("287081", SECRET, 59, 30, 6) and not totp.is_current("", SECRET, 59, 30, 6)
