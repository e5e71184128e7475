"""Signing in to a chain's control plane, and what each role finds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storeloom.core.control.client import FleetFault
from storeloom.studio.browser import NAME, SAFE_NAME, NamedBrowser, browser_of
from storeloom.studio.members import Member, Members
from tests.studio.chain_pages import opened, run, texts
from tests.studio.plane import CHAIN, PASSWORD, Plane

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    made = Plane(tmp_path_factory.mktemp("plane"), ())
    yield made
    made.close()


@pytest.fixture
def named(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    """The studio is told where the control plane is."""
    monkeypatch.setenv("STORELOOM_SERVER", plane.url)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The studio is told of no control plane."""
    monkeypatch.delenv("STORELOOM_SERVER", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.mark.parametrize(("lang", "words"), [("zh", "尚未指定控制平面"), ("en", "No control plane is named")])
def test_without_a_server_the_page_says_how_to_name_one(nowhere: None, lang: str, words: str) -> None:
    app = opened("views/signin.py", None, lang=lang)
    assert words in app.info[0].value and not app.text_input


def test_the_settings_file_of_the_fleet_commands_names_the_server_too(nowhere: None, tmp_path: Path) -> None:
    file = tmp_path / "storeloom" / "fleet.toml"
    file.parent.mkdir()
    file.write_text('server = "https://hq.example"\n')
    assert "https://hq.example" in texts(opened("views/signin.py", None))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_person_comes_in_with_a_password_and_goes_out(named: None, plane: Plane, lang: str) -> None:
    app = opened("views/signin.py", None, lang=lang)
    for name, value in (("chain", CHAIN), ("email", "operator@north.example"), ("password", PASSWORD)):
        app.text_input(key=f"signin/{name}").set_value(value)
    next(button for button in app.button if button.label in ("登录", "Sign in")).click()
    assert ("运维员" if lang == "zh" else "operator of north") in run(app).success[0].value
    who: Member = app.session_state["member"]
    assert (who.role, who.chain, "rollouts:run" in who.scopes) == ("operator", CHAIN, True)
    assert who.expires is not None and who.token not in repr(who)


def test_a_wrong_password_is_told_in_the_readers_language_and_nobody_is_in(named: None) -> None:
    app = opened("views/signin.py", None, lang="zh")
    for name, value in (("chain", CHAIN), ("email", "viewer@north.example"), ("password", "wrong")):
        app.text_input(key=f"signin/{name}").set_value(value)
    app.button[0].click()
    assert "SL-IDN-03" in run(app).error[0].value or "密码" in app.error[0].value
    assert "member" not in app.session_state


def test_an_empty_form_is_not_sent(named: None) -> None:
    app = opened("views/signin.py", None)
    app.button[0].click()
    assert run(app).warning[0].value == "Not filled in: Chain, E-mail, Password."


def test_a_token_opens_as_a_password_does(named: None, plane: Plane) -> None:
    app = opened("views/signin.py", None)
    app.segmented_control(key="signin/way").set_value("token")
    run(app).text_input(key="signin/token").set_value(plane.tokens["viewer"])
    app.button[0].click()
    assert "viewer of north" in run(app).success[0].value


def test_a_control_plane_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORELOOM_SERVER", "http://127.0.0.1:9")
    app = opened("views/signin.py", None)
    for name, value in (("chain", CHAIN), ("email", "viewer@north.example"), ("password", "x")):
        app.text_input(key=f"signin/{name}").set_value(value)
    app.button[0].click()
    assert "SL-FLT-04" in run(app).error[0].value


def test_a_token_that_is_over_leads_to_the_way_in(named: None, plane: Plane) -> None:
    who = plane.member("viewer")
    app = opened("views/releases.py", plane, "viewer")
    app.session_state["member"] = Member(who.server, "slt_gone", who.chain, who.role, who.scopes, who.name)
    run(app)
    assert any("session is over" in warning.value for warning in app.warning) and "member" not in app.session_state


def test_a_page_that_is_not_for_the_role_says_so(plane: Plane) -> None:
    app = opened("views/releases.py", plane, "vendor")
    assert "not for the role vendor" in app.error[0].value


def test_the_side_bar_tells_who_is_in_and_the_way_out_ends_the_token(named: None, plane: Plane) -> None:
    app = opened("app.py", plane, "integrator")
    assert any("integrator@north.example, integrator of north" in text.value for text in app.sidebar.text)
    app.sidebar.button(key="signout").click()
    run(app)
    assert "member" not in app.session_state and not app.sidebar.button
    with pytest.raises(FleetFault) as fault:
        plane.ask("integrator").get("/me")
    assert fault.value.status == 401


def test_members_are_known_by_their_browser_until_their_time_is_over() -> None:
    one, two = (Member("s", f"t{n}", "north", "viewer", frozenset(), f"p{n}", expires=NOW + timedelta(hours=n)) for n in (1, 2))
    members = Members()
    members.keep("a" * 43, one, NOW)
    members.keep("b" * 43, two, NOW)
    assert (members.known("a" * 43, NOW), members.known("b" * 43, NOW), members.known("c" * 43, NOW)) == (one, two, None)
    assert members.known("a" * 43, NOW + timedelta(hours=1)) is None
    members.forget("b" * 43)
    assert members.known("b" * 43, NOW) is None


def heads(scheme: str = "http", **sent: str) -> list[tuple[bytes, bytes]]:
    """The head of the answer to a browser that asks for a page."""
    import asyncio

    told: list[tuple[bytes, bytes]] = []

    async def app(scope: object, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})  # type: ignore[operator]

    async def send(message: object) -> None:
        told.extend(message["headers"])  # type: ignore[index]

    async def receive() -> None:
        return None

    asked = [(name.encode().replace(b"_", b"-"), value.encode()) for name, value in {"accept": "text/html", **sent}.items()]
    asyncio.run(NamedBrowser(app)({"type": "http", "method": "GET", "scheme": scheme, "headers": asked}, receive, send))  # type: ignore[arg-type]
    return told


def test_a_browser_gets_a_name_once_that_scripts_cannot_read() -> None:
    (line,) = (value.decode() for name, value in heads() if name == b"set-cookie")
    name, _, rest = line.partition("=")
    value = rest.split(";")[0]
    assert name == NAME and "HttpOnly" in line and "SameSite=Lax" in line and "Secure" not in line
    assert browser_of({NAME: value}) == value
    assert not [one for one, _ in heads(cookie=line.split(";")[0]) if one == b"set-cookie"]
    assert not [one for one, _ in heads(accept="application/json") if one == b"set-cookie"]
    again = dict(heads())[b"set-cookie"].decode()
    assert again != line


def test_over_tls_the_name_is_for_this_host_over_tls_alone() -> None:
    for told in (heads("https"), heads(x_forwarded_proto="https")):
        line = dict(told)[b"set-cookie"].decode()
        assert line.startswith(f"{SAFE_NAME}=") and line.endswith("; Secure") and "Path=/;" in line


@pytest.mark.parametrize("cookies", [{}, {NAME: "short"}, {NAME: "x" * 42 + " "}])
def test_what_is_no_name_is_none(cookies: dict[str, str]) -> None:
    assert browser_of(cookies) is None
