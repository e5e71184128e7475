"""Signatures: bytes worked with another implementation (OpenSSL, the reference library of Standard Webhooks), forgeries, old messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from storeloom.hardware_adapters.links.card_numbers import holds_card_number, luhn, without_card_numbers
from storeloom.hardware_adapters.links.errors import DeviceError
from storeloom.hardware_adapters.links.http_sign import BadSignature, sign, verify

# The secret, id, time and body of the examples in the Standard Webhooks specification; the digest is OpenSSL's.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLw=="
ID, BODY, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', datetime.fromtimestamp(1614265330, UTC)


def test_the_standard_form_is_base64_over_id_time_and_body() -> None:
    headers = sign("standard", SECRET, ID, AT, BODY)
    assert headers["webhook-signature"] == "v1,/Xy7FLfFISa1TZH7WLT+0x/orG5MlcutAFOpVan3/00="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (ID, "1614265330")


def test_the_plain_form_is_hexadecimal_over_time_and_body() -> None:
    headers = sign("plain", "plain key", "", datetime.fromtimestamp(1772445600, UTC), b'{"a":1}')
    assert headers["x-signature"] == "7cf5dff299536d43e4f23e6f279bf4735a8d2a0f0b39e0e8bf50c8d7607bccb0"
    found = verify("plain", ["other", "plain key"], headers, b'{"a":1}', datetime.fromtimestamp(1772445610, UTC), 300)
    assert found.id == headers["x-signature"]


def test_the_reference_library_and_this_one_take_each_others_messages() -> None:
    webhooks = pytest.importorskip("standardwebhooks", reason="the reference library is not installed")
    now = datetime.now(UTC)
    peer = webhooks.Webhook(SECRET)
    assert peer.verify(BODY, sign("standard", SECRET, ID, now, BODY)) == {"test": 2432232314}
    headers = {"webhook-id": ID, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": peer.sign(ID, now, BODY.decode())}
    assert verify("standard", [SECRET], headers, BODY, now, 300).id == ID


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"webhook-signature": "v1,AAAA"}, "not right"),
        ({"webhook-signature": ""}, "no webhook-signature"),
        ({"webhook-id": "msg_other"}, "not right"),
        ({"webhook-timestamp": "1614265331"}, "not right"),
        ({"webhook-timestamp": "١٦١٤"}, "no number"),
        ({"webhook-id": "x" * 201}, "longer"),
    ],
)
def test_what_was_changed_is_refused(change: dict[str, str], words: str) -> None:
    with pytest.raises(BadSignature, match=words):
        verify("standard", [SECRET], {**sign("standard", SECRET, ID, AT, BODY), **change}, BODY, AT, 300)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_message_off_the_time_is_refused_either_way(seconds: int) -> None:
    headers = sign("standard", SECRET, ID, AT, BODY)
    with pytest.raises(BadSignature, match="301 s off"):
        verify("standard", [SECRET], headers, BODY, AT + timedelta(seconds=seconds), 300)
    assert verify("standard", [SECRET], headers, BODY, AT + timedelta(seconds=300), 300).at == AT


def test_several_signatures_and_secrets_allow_a_change_of_secret() -> None:
    headers = sign("standard", SECRET, ID, AT, BODY)
    headers["webhook-signature"] = "v2,zzzz v1,AAAA " + headers["webhook-signature"]
    assert verify("standard", ["new", SECRET], headers, BODY, AT, 300).id == ID


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64"])
def test_a_secret_that_is_none_is_told(secret: str) -> None:
    with pytest.raises(DeviceError):
        sign("standard", secret, ID, AT, BODY)


@pytest.mark.parametrize(
    "value",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "card 5555-5555-5555-4444.",
        {"a": [{"b": 378282246310005}]},
        {"6011111111111117": 1},
        "6200000000000005",
        3530111333300000.0,
        "2223003122003222",
    ],
)
def test_test_card_numbers_of_the_schemes_are_told(value: object) -> None:
    assert holds_card_number(value)


@pytest.mark.parametrize(
    "value",
    ["4111111111111112", "06901234567892", "20260302180512345678", "1772445600000", "P-70001", 1250, True, None, "41111111111111111111111"],
)
def test_receipts_gtins_and_times_are_none(value: object) -> None:
    assert not holds_card_number(value)


def test_the_check_digit_is_luhns_and_texts_are_cleaned() -> None:
    assert luhn("79927398713") and not luhn("79927398710")
    assert without_card_numbers("card 4111 1111 1111 1111 refused, order 20260302") == "card [card number] refused, order 20260302"
