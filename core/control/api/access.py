"""Coming in, and one's own tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, SecretStr
from sqlmodel import col, select, update

from storeloom.core.control import audit
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.api.route import ANYBODY, Answer, Call, Page, PageQuery, Resource, Wire
from storeloom.core.control.identity import passwords
from storeloom.core.control.identity.logins import log_in
from storeloom.core.control.identity.scopes import ROLE_SCOPES
from storeloom.core.control.identity.tokens import issue
from storeloom.core.control.models.identity import Token, User
from storeloom.core.kernel.errors import Finding

access = Resource("access")
LONGEST_DAYS = 365


class LoginIn(Wire):
    """Who comes in."""

    chain: str = Field(max_length=63)
    email: str = Field(max_length=200)
    password: SecretStr = Field(max_length=passwords.MOST)


class LoginOut(Wire):
    """The token of whoever came in, told this once."""

    token: str
    expires: datetime
    user: str
    role: str
    scopes: list[str]


class MeOut(Wire):
    """Who asks."""

    chain: str
    role: str
    scopes: list[str]
    user: str | None
    store: str | None
    vendor: str | None


class PasswordIn(Wire):
    """One's own password, the old and the new."""

    old: SecretStr = Field(max_length=passwords.MOST)
    password: SecretStr = Field(max_length=passwords.MOST)


class TokenIn(Wire):
    """A token for a program: what for, which of one's own scopes (none: all), for how many days."""

    name: str = Field(min_length=1, max_length=100)
    scopes: list[str] = Field(default_factory=list, max_length=30)
    days: int = Field(90, ge=1, le=LONGEST_DAYS)


class TokenOut(Wire):
    """A token, without its secret."""

    id: str
    name: str
    scopes: list[str]
    created: datetime
    expires: datetime
    revoked: datetime | None


class TokenMade(TokenOut):
    """A new token with its secret, which is told this once."""

    secret: str


@access.route("POST", "/login", ANYBODY, "Log in", "登录", body=LoginIn, answer=LoginOut, own_session=True)
def login(call: Call) -> Answer:
    """Come in with a password."""
    given: LoginIn = call.body
    services, password = call.services, given.password.get_secret_value()
    came = log_in(services.engine, services.passwords, given.chain, given.email, password, call.address, call.now)
    scopes = sorted(ROLE_SCOPES[came.user.role])
    told = {"token": came.secret, "expires": came.token.expires, "user": came.user.id, "role": came.user.role, "scopes": scopes}
    return Answer(told, headers={"Cache-Control": "no-store"})


@access.route("POST", "/logout", "own:tokens", "Log out", "退出登录", status=204)
def logout(call: Call) -> Answer:
    """The token that is shown is good for nothing more."""
    _revoke(call, call.principal.token)
    return Answer()


@access.route("GET", "/me", "own:tokens", "Who I am", "当前身份", answer=MeOut)
def me(call: Call) -> Answer:
    """Who asks, and what they may."""
    who = call.principal
    return Answer({**{key: getattr(who, key) for key in ("chain", "role", "user", "store", "vendor")}, "scopes": sorted(who.scopes)})


@access.route("POST", "/me/password", "own:tokens", "Change one's own password", "修改本人密码", body=PasswordIn, status=204)
def change_password(call: Call) -> Answer:
    """A new password; all other tokens of this person are good for nothing more."""
    user = call.session.get_one(User, (call.chain, call.principal.user), with_for_update=True)
    given: PasswordIn = call.body
    if not call.services.passwords.fits(given.old.get_secret_value(), user.password):
        raise ApiFault(403, Finding("SL-IDN-03"))
    set_password(call, user, given.password.get_secret_value(), keep=call.principal.token)
    return Answer()


@access.route("GET", "/tokens", "own:tokens", "My tokens", "本人令牌列表", query=PageQuery, answer=Page[TokenOut])
def list_tokens(call: Call) -> Answer:
    """One's own tokens, the oldest first."""
    return Answer(page(call.session, _own(call), [col(Token.id)], call.query, _show))


@access.route("POST", "/tokens", "own:tokens", "Make a token", "新建令牌", body=TokenIn, answer=TokenMade, status=201)
def make_token(call: Call) -> Answer:
    """A token for a program. It holds no scope that the one that asks does not hold."""
    given: TokenIn = call.body
    beyond = sorted(set(given.scopes) - call.principal.scopes)
    if beyond:
        raise ApiFault(403, Finding("SL-IDN-05", {"scopes": beyond, "known": sorted(call.principal.scopes)}, "body.scopes"))
    return Answer(_made(call, given.name, frozenset(given.scopes or call.principal.scopes), timedelta(days=given.days)), headers=UNSTORED)


@access.route("POST", "/tokens/{token}/rotate", "own:tokens", "Replace a token", "更换令牌", answer=TokenMade, status=201)
def rotate_token(call: Call) -> Answer:
    """Another secret for the same purpose, scopes and length of time; the old one is good for nothing more."""
    old = _one(call)
    _revoke(call, old.id)
    return Answer(_made(call, old.name, frozenset(old.scopes), old.expires - old.created), headers=UNSTORED)


@access.route("DELETE", "/tokens/{token}", "own:tokens", "Take a token back", "吊销令牌", status=204)
def revoke_token(call: Call) -> Answer:
    """From now on it is good for nothing."""
    _revoke(call, _one(call).id)
    return Answer()


UNSTORED = {"Cache-Control": "no-store"}


def set_password(call: Call, user: User, password: str, keep: str | None = None) -> None:
    """Give a person another password; their tokens but `keep` are taken back. ApiFault says why it will not do."""
    found = passwords.findings(password, (user.email, user.name, user.chain))
    if found:
        raise ApiFault(422, found)
    user.password = call.services.passwords.hashed(password)
    call.session.add(user)
    end_tokens(call, user.id, keep)
    audit.note(call.session, call.chain, call.now, call.principal.actor, "user.password", user.id)


def end_tokens(call: Call, user: str, keep: str | None = None) -> None:
    """Take back a person's tokens but one."""
    theirs = (col(Token.chain) == call.chain) & (col(Token.user) == user) & col(Token.revoked).is_(None)
    call.session.execute(update(Token).where(theirs & (col(Token.id) != (keep or ""))).values(revoked=call.now))


def _own(call: Call) -> Any:
    return select(Token).where(Token.chain == call.chain, Token.user == call.principal.user)


def _one(call: Call) -> Token:
    row = call.session.exec(_own(call).where(Token.id == call.path["token"], col(Token.revoked).is_(None))).one_or_none()
    if row is None:
        raise missing("token", "令牌", call.path["token"])
    found: Token = row
    return found


def _made(call: Call, name: str, scopes: frozenset[str], life: timedelta) -> dict[str, Any]:
    row, secret = issue(call.session, call.chain, call.now, user=call.principal.user, name=name, scopes=scopes, life=life)
    audit.note(call.session, call.chain, call.now, call.principal.actor, "token.make", row.id, {"name": name, "scopes": sorted(scopes)})
    return {**_show(row), "secret": secret}


def _revoke(call: Call, token: str) -> None:
    call.session.execute(update(Token).where(col(Token.chain) == call.chain, col(Token.id) == token).values(revoked=call.now))
    audit.note(call.session, call.chain, call.now, call.principal.actor, "token.revoke", token)


def _show(row: Token) -> dict[str, Any]:
    return row.model_dump(include=set(TokenOut.model_fields))
