"""`server`: the control plane as a process; its chains and first administrators; the form of its database. `audit`: its audit log."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storeloom.core.commands.catalogue import print_json
from storeloom.core.kernel.errors import ControlFault, Finding, MisuseFault

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from storeloom.core.control.services import Services

STOP_S = 10.0
CONNECTIONS = 900  # idle ones too: many stores keep theirs open; a process may have 1,024 files
WORDS = {
    "made": ("chain {chain} is there, with the administrator {email}", "已建立连锁 {chain}，管理员 {email}"),
    "runs": ("runs on http://{address} (put TLS in front of it); Ctrl-C ends it", "运行于 http://{address}（请前置 TLS）；Ctrl-C 结束"),
    "form": ("the database has form {form}", "数据库结构版本 {form}"),
    "copied": (
        "{folder}: {files} files, database {database} of form {form}",
        "{folder}：{files} 个文件，数据库 {database}，结构版本 {form}",
    ),
    "no_keys": (
        "The servers' private keys are not in it: keep them apart (--keys), or replace them after a restore (storeloom trust rotate).",
        "不含服务端私钥：请另行保管（--keys），或在恢复后更换（storeloom trust rotate）。",
    ),
    "no_chain": (
        "There is no chain{chain} here: storeloom server init --chain ID --email ADDRESS --folder {folder}",
        "此处没有连锁{chain}：storeloom server init --chain 编号 --email 邮箱 --folder {folder}",
    ),
    "holds": ("{chain}: {entries} entries hold; newest hash {head}", "{chain}：{entries} 条记录完整；最新哈希 {head}"),
    "broken": ("{chain}: does not hold: {faults}", "{chain}：不完整：{faults}"),
}


def server(arguments: argparse.Namespace) -> int:
    """Run the action."""
    actions = {"init": _init, "migrate": _migrate, "run": _run, "backup": _backup, "restore": _restore}
    return actions[arguments.action](arguments)


def audit(arguments: argparse.Namespace) -> int:
    """Go through the audit logs; 1 where one does not hold."""
    from sqlmodel import select

    from storeloom.core.control import audit as log
    from storeloom.core.control.database import reading
    from storeloom.core.control.models.identity import Chain

    rows = []
    with reading(_database(arguments)) as session:
        for chain in session.exec(select(Chain.id).order_by(Chain.id)):
            if arguments.chain in (None, chain):
                found = log.verify(session, chain)
                rows.append({"chain": chain, "entries": found.entries, "head": found.head, "faults": list(found.faults)})
    if arguments.json:
        print_json({"ok": bool(rows) and not any(row["faults"] for row in rows), "chains": rows})
    elif not rows:
        print(_no_chain(arguments, arguments.chain), file=sys.stderr)
    else:
        for row in rows:
            faults = "; ".join(map(str, row["faults"]))  # type: ignore[call-overload]
            print(_say("broken" if faults else "holds", arguments.lang, **{**row, "faults": faults}))
    return 0 if rows and not any(row["faults"] for row in rows) else 1


def _init(arguments: argparse.Namespace) -> int:
    """Bring the database to form and make a chain with its first administrator."""
    from storeloom.core.control import audit as log
    from storeloom.core.control import migrate
    from storeloom.core.control.database import writing
    from storeloom.core.control.identity import passwords
    from storeloom.core.control.models.identity import Chain, User
    from storeloom.core.control.models.ids import new_id
    from storeloom.core.control.services import utc_now

    for name in ("chain", "email"):
        if not getattr(arguments, name):
            reason = {"en": f"init needs --{name}", "zh": f"init 需要 --{name}"}
            raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom server"}))
    engine, now = _database(arguments), utc_now()
    migrate.bring_to(engine)
    word, email = password(arguments.lang), arguments.email.lower()
    found = passwords.findings(word, (email, arguments.chain))
    if found:
        raise ControlFault(found)
    with writing(engine) as session:
        if session.get(Chain, arguments.chain) is not None:
            raise ControlFault(Finding("SL-API-12", {"name": arguments.chain}))
        session.add(Chain(id=arguments.chain, name=arguments.name or arguments.chain, created=now))
        session.flush()
        person = {"email": email, "name": email, "role": "admin", "password": passwords.Passwords().hashed(word)}
        first = User(chain=arguments.chain, id=new_id(now), created=now, **person)
        session.add(first)
        log.note(session, arguments.chain, now, "server", "chain.add", arguments.chain, {"admin": first.id})
    print(_say("made", arguments.lang, chain=arguments.chain, email=email))
    return 0


def _migrate(arguments: argparse.Namespace) -> int:
    from storeloom.core.control import migrate

    engine = _database(arguments)
    migrate.bring_to(engine, arguments.to)
    print(_say("form", arguments.lang, form=migrate.revision(engine) or "-"))
    return 0


def _backup(arguments: argparse.Namespace) -> int:
    """Copy the control plane while it runs."""
    from storeloom.core.control.backup import back_up
    from storeloom.core.control.services import utc_now

    engine = _database(arguments)
    made = back_up(engine, Path(arguments.folder), Path(_copy(arguments)), utc_now(), keys=arguments.keys)
    engine.dispose()
    apart = [] if engine.dialect.name == "sqlite" else [Finding("SL-SRV-04", {"kind": engine.dialect.name})]
    return _copied(arguments, _copy(arguments), made, apart)


def _restore(arguments: argparse.Namespace) -> int:
    """Put a backup into an empty folder."""
    from storeloom.core.control.backup import go_beyond, restore

    made = restore(Path(_copy(arguments)), Path(arguments.folder))
    if made.database != "sqlite":  # it came back by its own tools, before this
        go_beyond(_database(arguments))
    return _copied(arguments, arguments.folder, made, [])


def _copied(arguments: argparse.Namespace, folder: str, made: Any, findings: list[Finding]) -> int:
    told = {"folder": folder, "files": len(made.files), "database": made.database, "form": made.form or "-"}
    if arguments.json:
        print_json({"ok": True, **told, "keys": made.keys, "findings": [finding.as_dict(arguments.lang) for finding in findings]})
        return 0
    print("\n".join([_say("copied", arguments.lang, **told), *(finding.render(arguments.lang) for finding in findings)]))
    if not made.keys:
        print(_say("no_keys", arguments.lang))
    return 0


def _copy(arguments: argparse.Namespace) -> str:
    if not arguments.copy:
        reason = {"en": f"{arguments.action} needs --copy FOLDER", "zh": f"{arguments.action} 需要 --copy FOLDER"}
        raise MisuseFault(Finding("SL-CLI-01", {"reason": reason, "command": "storeloom server"}))
    return str(arguments.copy)


def _run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from storeloom.core.control import migrate
    from storeloom.core.control.api.draining import serve_until
    from storeloom.core.control.api.resources import RESOURCES
    from storeloom.core.control.api.serve import create_app
    from storeloom.core.control.tasks import TASKS
    from storeloom.core.control.ticker import Ticker

    engine = _database(arguments)
    if engine.dialect.name == "sqlite":
        migrate.bring_to(engine)
    migrate.require(engine)
    services = _services(arguments, engine)
    channels: dict[int, Any] = {}
    serving = _listening(arguments, create_app(services, RESOURCES), channels, services.threads)
    ticker = Ticker(services, TASKS)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    ticker.start()
    host = arguments.listen.rpartition(":")[0] or "127.0.0.1"
    print(_say("runs", arguments.lang, address=f"{host}:{serving.effective_port}"), flush=True)
    if not _chains(engine):
        print(_no_chain(arguments), file=sys.stderr, flush=True)
    try:
        serve_until(serving, channels, stopping, services.waits)
    finally:
        services.waits.close()
        ticker.stop(STOP_S)
        engine.dispose()
    return 0


def _listening(arguments: argparse.Namespace, app: Any, channels: dict[int, Any], threads: int) -> Any:
    """The server at its address; ControlFault where it cannot listen there."""
    from storeloom.core.control.api.serving import serve_with
    from storeloom.core.runtime.http import why_not

    host, _, port = arguments.listen.rpartition(":")
    proxy = {"trusted_proxy": arguments.proxy, "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto"} if arguments.proxy else {}
    bounds = {"threads": threads, "connection_limit": CONNECTIONS}
    try:
        place = socket.getaddrinfo(host.strip("[]") or "127.0.0.1", int(port), type=socket.SOCK_STREAM)[0][4][0]  # of several one
        return serve_with(app, map=channels, host=place, port=int(port), ident="storeloom", **bounds, **proxy)
    except (OSError, ValueError, OverflowError) as error:
        reason = why_not(error if isinstance(error, OSError) else ValueError())
        raise ControlFault(Finding("SL-OBS-05", {"listen": arguments.listen, "reason": reason})) from error


def _chains(engine: Engine) -> list[str]:
    from sqlmodel import select

    from storeloom.core.control.database import reading
    from storeloom.core.control.models.identity import Chain

    with reading(engine) as session:
        return list(session.exec(select(Chain.id).order_by(Chain.id)))


def _no_chain(arguments: argparse.Namespace, chain: str | None = None) -> str:
    return _say("no_chain", arguments.lang, chain=f" {chain}" if chain else "", folder=arguments.folder)


def _services(arguments: argparse.Namespace, engine: Engine) -> Services:
    from storeloom.core.control.api.standing_in import studio_key
    from storeloom.core.control.services import Services

    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Services(engine, folder, threads=arguments.threads, studio_key=studio_key(os.environ))


def _database(arguments: argparse.Namespace) -> Engine:
    """The database that is meant: `--database`, else `DATABASE_URL`, else SQLite in the folder."""
    from storeloom.core.control.database import connect

    url = arguments.database or os.environ.get("DATABASE_URL")
    if not url:
        folder = Path(arguments.folder).absolute()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        url = f"sqlite:///{folder / 'control.db'}"
    return connect(url.replace("postgresql://", "postgresql+psycopg://", 1))


def password(lang: str) -> str:
    """A person's password: from `STORELOOM_PASSWORD`, or typed, or the first line of what is piped in."""
    given = os.environ.get("STORELOOM_PASSWORD")
    if given is not None:
        return given
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass("密码：" if lang == "zh" else "Password: ")


def _say(name: str, lang: str, **more: object) -> str:
    return WORDS[name][lang == "zh"].format(**more)
