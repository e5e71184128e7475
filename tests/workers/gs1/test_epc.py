import pytest

from storeloom.workers.gs1.epc import company_prefix, sgtin, uri


@pytest.mark.parametrize(
    "epc",
    [
        "3034257BF7194E4000001A85",
        "3034257bf7194e4000001a85",
        "urn:epc:id:sgtin:0614141.812345.6789",
        "urn:epc:tag:sgtin-96:1.0614141.812345.6789",
        "https://id.gs1.org/01/80614141123458/21/6789",
        "https://example.com/shop/01/80614141123458/10/AB/21/6789?x=1",
    ],
)
def test_one_item_in_all_its_spellings(epc):
    assert sgtin(epc) == ("80614141123458", "6789")


@pytest.mark.parametrize(
    "epc",
    [
        "",
        "E2801160600002054CC2096F",
        "3174257BF4499602D2000000",  # an SSCC
        "303C257BF7194E4000001A85",  # partition 7
        "3034257BF7194E4000001A",
        "urn:epc:id:sgtin:061414.812345.6789",
        "https://id.gs1.org/01/80614141123457/21/6789",
    ],
)
def test_what_is_no_serialised_item(epc):
    assert sgtin(epc) is None


def test_the_largest_prefix_has_one_digit_of_item():
    assert sgtin(f"{(0x30 << 88) | (1 << 85) | (0 << 82) | (950110153000 << 42) | (3 << 38) | 5:024X}") == ("39501101530004", "5")


def test_the_company_prefix_where_it_is_told():
    assert company_prefix("3034257BF7194E4000001A85") == "0614141"
    assert company_prefix("urn:epc:id:sgtin:0614141.812345.6789") == "0614141"
    assert company_prefix("https://id.gs1.org/01/80614141123458/21/6789") is None
    assert company_prefix("3174257BF4499602D2000000") is None


def test_the_uri_of_a_tag():
    pure = "urn:epc:id:sgtin:0614141.812345.6789"
    assert {uri(text) for text in ("3074257BF7194E4000001A85", "urn:epc:tag:sgtin-96:3.0614141.812345.6789", pure)} == {pure}
    assert uri("https://id.gs1.org/01/80614141123458/21/6789") == "https://id.gs1.org/01/80614141123458/21/6789"
    assert uri("E2801160600002054CC2096F") == "E2801160600002054CC2096F"
