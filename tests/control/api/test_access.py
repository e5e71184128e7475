"""Coming in: slow to guess, taken back at once, never more than the person may."""

import pytest
from argon2 import Parameters, PasswordHasher, Type, extract_parameters
from sqlmodel import SQLModel, select

from storeloom.core.control.database import reading, writing
from storeloom.core.control.identity.tokens import digest
from storeloom.core.control.models.identity import FailedLogin, Token, User
from storeloom.core.control.models.ids import new_id
from storeloom.core.control.services import Services

GOOD = "quiet lamps over aisle nine"


@pytest.fixture
def person(plane):
    body = {"email": "Li@North.example", "name": "Li", "role": "operator", "password": GOOD}
    made = plane.as_("admin")("POST", "/users", body)
    assert made.status_code == 201, made.json
    return made.json["id"]


def login(plane, password=GOOD, email="li@north.example", chain="north"):
    return plane.as_("nobody")("POST", "/login", {"chain": chain, "email": email, "password": password})


def with_token(plane, token):
    plane.tokens["north", "somebody"] = token
    return plane.as_("somebody")


def test_a_person_comes_in_acts_and_goes(plane, person):
    came = login(plane)
    assert (came.status_code, came.json["role"], came.headers["Cache-Control"]) == (200, "operator", "no-store")
    ask = with_token(plane, came.json["token"])
    assert ask("GET", "/me").json["user"] == person
    assert ask("POST", "/logout").status_code == 204
    assert ask("GET", "/me").status_code == 401


def test_neither_password_nor_token_is_kept_in_the_clear(plane, person):
    token = login(plane).json["token"]
    with reading(plane.services.engine) as session:
        raw = repr([session.execute(select(table)).all() for table in SQLModel.metadata.sorted_tables])
    assert token not in raw and GOOD not in raw and "$argon2id$" in raw


def test_wrong_names_and_passwords_look_alike_and_are_counted(plane, person):
    answers = [login(plane, "wrong"), login(plane, email="nobody@north.example"), login(plane, chain="south")]
    assert {(one.status_code, one.json["findings"][0]["code"]) for one in answers} == {(401, "SL-IDN-03")}
    for _ in range(4):
        assert login(plane, "wrong").status_code == 401
    refused = login(plane)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "901")
    assert login(plane, email="admin@north.example", password="x").status_code == 401
    plane.wait(minutes=15, seconds=1)
    assert login(plane).status_code == 200


def test_many_names_tried_from_one_place_are_held_up(plane):
    with writing(plane.services.engine) as session:
        for number in range(49):
            hashes = {"name_sha256": f"{number}", "from_sha256": digest("127.0.0.1")}
            session.add(FailedLogin(id=new_id(plane.clock[0]), at=plane.clock[0], **hashes))
    assert login(plane, "wrong", email="one@north.example").status_code == 401
    assert login(plane, "wrong", email="another@north.example").status_code == 429
    plane.wait(minutes=16)
    login(plane, "wrong")
    with reading(plane.services.engine) as session:
        assert len(session.exec(select(FailedLogin)).all()) == 1


def test_a_token_for_a_program_holds_no_more_than_its_maker(plane, person):
    ask = with_token(plane, login(plane).json["token"])
    beyond = ask("POST", "/tokens", {"name": "robot", "scopes": ["users:manage", "stores:read"]})
    assert (beyond.status_code, beyond.json["findings"][0]["code"]) == (403, "SL-IDN-05")
    made = ask("POST", "/tokens", {"name": "robot", "scopes": ["stores:read"], "days": 30}).json
    robot = with_token(plane, made["secret"])
    assert robot("GET", "/stores").status_code == 200
    assert robot("POST", "/tokens", {"name": "more"}).status_code == 403
    ask = with_token(plane, login(plane).json["token"])
    next_one = ask("POST", f"/tokens/{made['id']}/rotate").json
    assert with_token(plane, made["secret"])("GET", "/stores").status_code == 401
    assert with_token(plane, next_one["secret"])("GET", "/stores").status_code == 200
    plane.wait(days=31)
    assert with_token(plane, next_one["secret"])("GET", "/stores").status_code == 401


def test_another_password_ends_all_other_tokens(plane, person):
    elsewhere, here = login(plane).json["token"], login(plane).json["token"]
    ask = with_token(plane, here)
    body = {"old": GOOD, "password": "a quite different sentence"}
    assert ask("POST", "/me/password", {**body, "old": "wrong"}).status_code == 403
    weak = ask("POST", "/me/password", {"old": GOOD, "password": "north1"})
    assert [one["code"] for one in weak.json["findings"]] == ["SL-IDN-01", "SL-IDN-02"]
    assert ask("POST", "/me/password", body).status_code == 204
    assert ask("GET", "/me").status_code == 200
    assert with_token(plane, elsewhere)("GET", "/me").status_code == 401
    assert login(plane).status_code == 401
    assert login(plane, body["password"]).status_code == 200


def test_who_is_no_longer_let_in_is_out_at_once(plane, person):
    ask = with_token(plane, login(plane).json["token"])
    admin = plane.as_("admin")
    assert admin("PUT", f"/users/{person}", {"name": "Li", "role": "operator", "disabled": True}).status_code == 200
    assert ask("GET", "/me").status_code == 401 and login(plane).status_code == 401


def test_the_last_administrator_stays(plane, person):
    admin = plane.as_("admin")
    alone = admin("PUT", "/users/admin", {"name": "a", "role": "viewer"})
    assert (alone.status_code, alone.json["findings"][0]["code"]) == (409, "SL-IDN-06")
    assert admin("PUT", f"/users/{person}", {"name": "Li", "role": "admin"}).status_code == 200
    assert admin("PUT", "/users/admin", {"name": "a", "role": "viewer"}).status_code == 200
    assert admin("GET", "/users").status_code == 401


def test_a_vendor_names_its_company(plane):
    body = {"email": "v@acme.example", "name": "V", "role": "vendor", "password": GOOD}
    assert plane.as_("admin")("POST", "/users", body).status_code == 400
    assert plane.as_("admin")("POST", "/users", {**body, "vendor": "acme"}).status_code == 201


def test_an_outdated_hash_is_made_anew_when_its_person_comes_in(plane, person):
    with writing(plane.services.engine) as session:
        session.get_one(User, ("north", person)).password = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(GOOD)
    assert login(plane).status_code == 200
    with reading(plane.services.engine) as session:
        assert not plane.services.passwords.outdated(session.get_one(User, ("north", person)).password)
        assert len(session.exec(select(Token).where(Token.user == person)).all()) == 1


def test_a_server_hashes_by_the_librarys_own_parameters_unless_it_is_told_others(plane):
    made = Services(plane.services.engine, plane.services.folder).passwords
    kept = made.hashed(GOOD)
    library = PasswordHasher()
    assert extract_parameters(kept) == Parameters(
        Type.ID, 19, library.salt_len, library.hash_len, library.time_cost, library.memory_cost, library.parallelism
    )
    assert library.memory_cost >= 19 * 1024 and library.time_cost >= 2, "what OWASP takes for the least"
    assert made.fits(GOOD, kept) and not made.fits(GOOD + "!", kept) and not made.fits(GOOD, None) and not made.outdated(kept)
    assert made.outdated(plane.services.passwords.hashed(GOOD)), "a cheap one is made anew"
