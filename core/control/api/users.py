"""The people of a chain, kept by its administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator
from sqlmodel import col, func, select

from storeloom.core.control import audit
from storeloom.core.control.api.access import end_tokens, set_password
from storeloom.core.control.api.paging import page
from storeloom.core.control.api.problems import ApiFault, missing
from storeloom.core.control.api.route import Answer, Call, Page, PageQuery, Resource, Wire
from storeloom.core.control.identity import passwords
from storeloom.core.control.models.identity import User
from storeloom.core.control.models.ids import new_id
from storeloom.core.kernel.errors import Finding

users = Resource("users")


class UserIn(Wire):
    """A person as administrators write them. `vendor` is the company of one whose role is vendor, and of nobody else."""

    name: str = Field(min_length=1, max_length=200)
    role: Literal["admin", "integrator", "operator", "viewer", "vendor"]
    vendor: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    disabled: bool = False

    @model_validator(mode="after")
    def _vendors_name_their_company(self) -> UserIn:
        if (self.role == "vendor") != (self.vendor is not None):
            raise ValueError("role 'vendor' goes with a vendor, other roles without")
        return self


class UserNew(UserIn):
    """A person with address and first password."""

    email: str = Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$")
    password: SecretStr = Field(max_length=passwords.MOST)


class FirstPassword(Wire):
    """A password that an administrator gives."""

    password: SecretStr = Field(max_length=passwords.MOST)


class UserOut(Wire):
    """A person."""

    id: str
    email: str
    name: str
    role: str
    vendor: str | None
    created: datetime
    disabled: datetime | None


@users.route("GET", "/users", "users:manage", "List people", "用户列表", query=PageQuery, answer=Page[UserOut])
def list_users(call: Call) -> Answer:
    """The chain's people."""
    return Answer(page(call.session, select(User).where(User.chain == call.chain), [col(User.id)], call.query, _show))


@users.route("POST", "/users", "users:manage", "Add a person", "新增用户", body=UserNew, answer=UserOut, status=201)
def add_user(call: Call) -> Answer:
    """Let somebody in. 409 where the address is known already."""
    given: UserNew = call.body
    password, email = given.password.get_secret_value(), given.email.lower()
    found = passwords.findings(password, (email, given.name, call.chain))
    if found:
        raise ApiFault(422, found)
    if call.session.exec(select(User.id).where(User.chain == call.chain, User.email == email)).first() is not None:
        raise ApiFault(409, Finding("SL-API-12", {"name": email}))
    row = User(
        chain=call.chain,
        id=new_id(call.now),
        email=email,
        name=given.name,
        role=given.role,
        vendor=given.vendor,
        password=call.services.passwords.hashed(password),
        created=call.now,
        disabled=call.now if given.disabled else None,
    )
    call.session.add(row)
    audit.note(call.session, call.chain, call.now, call.principal.actor, "user.add", row.id, {"role": row.role})
    return Answer(_show(row), headers={"Location": f"/api/v1/users/{row.id}"})


@users.route("GET", "/users/{user}", "users:manage", "One person", "用户详情", answer=UserOut)
def get_user(call: Call) -> Answer:
    """A person."""
    return Answer(_show(_one(call)))


@users.route("PUT", "/users/{user}", "users:manage", "Change a person", "修改用户", body=UserIn, answer=UserOut)
def put_user(call: Call) -> Answer:
    """Another role, or no longer let in: what they hold is good for nothing more. The last administrator stays."""
    row, given = _one(call, lock=True), call.body
    if row.role == "admin" and row.disabled is None and (given.role != "admin" or given.disabled) and _admins(call) == 1:
        raise ApiFault(409, Finding("SL-IDN-06"))
    if given.role != row.role or given.vendor != row.vendor or given.disabled:
        end_tokens(call, row.id)
    row.name, row.role, row.vendor = given.name, given.role, given.vendor
    row.disabled = (row.disabled or call.now) if given.disabled else None
    call.session.add(row)
    detail = {"role": row.role, "disabled": given.disabled}
    audit.note(call.session, call.chain, call.now, call.principal.actor, "user.change", row.id, detail)
    return Answer(_show(row))


@users.route(
    "POST", "/users/{user}/password", "users:manage", "Give a person another password", "重置用户密码", body=FirstPassword, status=204
)
def reset_password(call: Call) -> Answer:
    """Another password; all their tokens are good for nothing more."""
    set_password(call, _one(call, lock=True), call.body.password.get_secret_value())
    return Answer()


def _one(call: Call, *, lock: bool = False) -> User:
    row = call.session.get(User, (call.chain, call.path["user"]), with_for_update=lock or None)
    if row is None:
        raise missing("person", "用户", call.path["user"])
    return row


def _admins(call: Call) -> int:
    query = select(func.count()).select_from(User).where(User.chain == call.chain, User.role == "admin", col(User.disabled).is_(None))
    return call.session.exec(query).one()


def _show(row: User) -> dict[str, Any]:
    return row.model_dump(include=set(UserOut.model_fields))
