"""A studio that asks for somebody: believed with the key that both were given, and with nothing less."""

import pytest

from storeloom.core.control.api.standing_in import asker_address, asking_for, studio_key
from storeloom.core.kernel.errors import ControlFault
from tests.control.conftest import PREFIX

KEY = "k" * 32


def guesses(plane, times, **headers):
    """Wrong passwords of as many people; the last answer's status."""
    for number in range(times):
        body = {"chain": "north", "email": f"{headers}-{number}@x.example", "password": "wrong"}
        status = plane.client.post(f"{PREFIX}/login", json=body, headers={k.replace("_", "-"): v for k, v in headers.items()}).status_code
    return status


def test_guesses_through_a_studio_count_for_the_readers_address(plane):
    plane.services.studio_key = KEY
    guesser, other = (asking_for(KEY, address) for address in ("203.0.113.9", "203.0.113.10"))
    assert guesses(plane, 51, **guesser) == 429
    assert guesses(plane, 1, **other) == 401 and guesses(plane, 1) == 401


@pytest.mark.parametrize("shown", [{}, {"X-Storeloom-Studio": "k" * 31}, {"X-Storeloom-Studio": ""}, {"X-Storeloom-Studio": "密" * 32}])
def test_who_has_not_the_key_counts_as_who_it_is(shown):
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in {"X-Storeloom-For": "203.0.113.9", **shown}.items()}
    assert asker_address({"REMOTE_ADDR": "198.51.100.1", **environ}, KEY) == "198.51.100.1"


def test_without_a_key_nobody_is_believed_and_what_is_no_address_counts_for_nothing():
    environ = {"REMOTE_ADDR": "198.51.100.1", "HTTP_X_STORELOOM_STUDIO": "", "HTTP_X_STORELOOM_FOR": "203.0.113.9"}
    assert asker_address(environ, "") == "198.51.100.1"
    shown = {"REMOTE_ADDR": "198.51.100.1", "HTTP_X_STORELOOM_STUDIO": KEY}
    assert asker_address({**shown, "HTTP_X_STORELOOM_FOR": "anybody"}, KEY) == "198.51.100.1"
    assert asker_address({**shown, "HTTP_X_STORELOOM_FOR": "2001:DB8::1"}, KEY) == "2001:db8::1"
    assert asking_for("", "203.0.113.9") == asking_for(KEY, None) == {}


def test_a_key_that_could_be_guessed_is_refused():
    assert studio_key({}) == "" and studio_key({"STORELOOM_STUDIO_KEY": KEY}) == KEY
    with pytest.raises(ControlFault) as caught:
        studio_key({"STORELOOM_STUDIO_KEY": "short"})
    assert caught.value.findings[0].path == "STORELOOM_STUDIO_KEY" and "short" not in caught.value.findings[0].text("en")
