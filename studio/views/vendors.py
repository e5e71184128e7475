"""Vendors: check a plugin package, read what holds, hand it to the chain for signing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from storeloom.core.control.client import FleetFault, part
from storeloom.core.kernel.errors import Finding, InputFault
from storeloom.studio.address import asked, go
from storeloom.studio.chain import api, may, refusals_shown, refused, tried
from storeloom.studio.common import faults_shown, language, say
from storeloom.studio.fleet.said import size, when
from storeloom.studio.members import member
from storeloom.studio.vendor import checks

LOOK_S, FAULT, SENT = 1.0, "vendors/fault", "vendors/sent"
PARTS = {"wheel": "part_wheel", "package": "part_wheel", "solution": "part_solution", "adapter": "part_adapter"}
PERMISSIONS = "permitted.told"


def page() -> None:
    """A package's check, the way to its signature, and what is published."""
    st.title(say("vendors"))
    st.write(say("vendors_lead"))
    with faults_shown():
        check = checks.known(asked("check"))
        if check is None:
            _begin()
        else:
            _check(check)
    if may("packages:read"):
        with refusals_shown():
            _published()


def _begin() -> None:
    """A wheel from the reader's machine, or one that lies on the studio's."""
    refused(FAULT)
    left, right = st.columns(2)
    with left, st.container(border=True):
        sent = st.file_uploader(say("upload_wheel"), type=["whl"], key="vendors/file", max_upload_size=checks.LARGEST >> 20)
        what = (sent.name, sent.getvalue()) if sent is not None else None
        st.button(
            say("check_now"),
            key="vendors/check",
            type="primary",
            icon=":material/fact_check:",
            disabled=what is None,
            on_click=_start,
            args=(what,),
        )
    with right, st.container(border=True):
        path = st.text_input(say("wheel_path"), key="vendors/path", placeholder="/…/acme_carts-1.0-py3-none-any.whl")
        st.button(say("check_path"), key="vendors/check_path", icon=":material/folder_open:", disabled=not path, on_click=_start_path)
    st.caption(say("check_note"))


def _start(what: tuple[str, bytes] | None) -> None:
    if what is not None:
        tried(FAULT, lambda: go(check=checks.start(*what).id))


def _start_path() -> None:
    path = Path(str(st.session_state["vendors/path"]).strip())

    def read() -> None:
        try:
            if path.suffix != ".whl":
                raise OSError(say("not_a_wheel"))
            data = path.read_bytes()
        except OSError as error:
            remedy = {"en": "Give the path of a .whl file.", "zh": "请填写 .whl 文件的路径。"}
            args = {"file": str(path), "reason": error.strerror or str(error), "remedy": remedy}
            raise InputFault(Finding("SL-INP-01", args, file=str(path))) from error
        go(check=checks.start(path.name, data).id)

    tried(FAULT, read)


def _check(check: checks.Check) -> None:
    with st.container(horizontal=True):
        st.button(say("other_package"), icon=":material/arrow_back:", on_click=_leave)
        if check.done is None:
            st.button(say("stop_check"), key="vendors/stop", icon=":material/stop_circle:", on_click=check.stop)
    refused(FAULT)
    st.fragment(_look, run_every=LOOK_S if check.done is None else None)(check, check.done is None)
    if check.done is not None and check.brought:
        _submit(check)


def _leave() -> None:
    st.session_state[FAULT] = ()
    go(check=None)


def _look(check: checks.Check, going: bool) -> None:
    done, rows, brought = check.done, check.rows, check.brought
    if going and done is not None:
        st.rerun()
    st.subheader(f"{brought['name']} {brought['version']}" if brought else check.package.name)
    if brought:
        _brought(brought)
    failed = sum(not row["ok"] for row in rows)
    if done is None:
        st.info(say("checking", n=len(rows)), icon=":material/hourglass_top:")
    elif done.get("died"):
        st.warning(say("check_died", n=len(rows)), icon=":material/error:")
    elif done["ok"]:
        words = say("some_fail" if failed else "all_hold", failed=failed, n=len(rows), s=done["seconds"])
        graded = say("graded", grade=say(f"grade_{done['grade']}")) if done["grade"] else ""
        st.success(f"{graded} {words}".strip(), icon=":material/verified:")
    else:
        st.error(f"{say('no_grade')} {say('some_fail', failed=failed, n=len(rows), s=done['seconds'])}", icon=":material/gpp_bad:")
    for row in rows:
        if not row["ok"]:
            _failed(row)
    _permissions(rows)
    if rows:
        _table(rows)
    if done is not None:
        import orjson

        report = orjson.dumps({"brought": brought, "rows": rows, "done": done}, option=orjson.OPT_INDENT_2)
        st.download_button(say("check_report"), report, f"{check.package.stem}-check.json", "application/json", icon=":material/download:")


def _failed(row: Mapping[str, Any]) -> None:
    """What does not hold, and from which grade on it counts."""
    asks, counts = row["title"][language()], say("for_grade", grade=say(f"grade_{row['grade']}"))
    st.markdown(f"**{say(PARTS[row['part']])} {row['name']}** · {asks} · {counts}")
    st.code(_got(row), language=None, wrap_lines=True)


def _permissions(rows: list[Mapping[str, Any]]) -> None:
    """What each plugin may do, for who reviews the package."""
    told = [row for row in rows if row["check"].startswith(PERMISSIONS) and row["got"]]
    if told:
        with st.expander(say("permissions"), icon=":material/key:"):
            for row in told:
                st.markdown(f"**{say(PARTS[row['part']])} {row['name']}**")
                st.code(_got(row), language=None, wrap_lines=True)


def _brought(brought: Mapping[str, Any]) -> None:
    """What the package brings and needs."""
    titles = [str(facts[language()]) for group in ("solutions", "adapters") for facts in brought[group].values()]
    st.caption(say("brings", names=say("comma").join(titles) or say("none")))
    if brought["requires"]:
        st.caption(say("needs_others", names=say("comma").join(brought["requires"])))


def _table(rows: list[Mapping[str, Any]]) -> None:
    st.dataframe(
        [
            {
                say("part_of"): f"{say(PARTS[row['part']])} {row['name']}",
                say("check_name"): row["title"][language()],
                say("grade"): say(f"grade_{row['grade']}"),
                say("verdict"): say("fails") if not row["ok"] else say("does_not_apply") if row["beside"] else say("holds"),
                say("seconds"): f"{row['seconds']:.1f}",
            }
            for row in rows
        ],
        hide_index=True,
    )


def _got(row: Mapping[str, Any]) -> str:
    got = row["got"]
    return str(got[language()]) if isinstance(got, Mapping) else str(got) or say("no_words")


def _submit(check: checks.Check) -> None:
    """Hand the wheel to the chain; it is published once the vendor's own signature names it."""
    st.markdown(f"### {say('submit_head')}")
    who = member()
    if who is None or "packages:write" not in who.scopes:
        st.info(say("submit_who"), icon=":material/lock:")
        return
    st.write(say("submit_note"))
    vendor = who.vendor or st.text_input(say("vendor_id"), key="vendors/vendor", max_chars=63)
    ok = bool(check.done and check.done["ok"])
    if not ok:
        st.warning(say("submit_anyway"), icon=":material/warning:")
    st.button(
        say("hand_in"),
        key="vendors/hand_in",
        type="primary" if ok else "secondary",
        icon=":material/upload:",
        disabled=not vendor,
        on_click=_hand_in,
        args=(check, vendor),
    )
    sent = st.session_state.get(SENT)
    if sent is not None and sent["check"] == check.id:
        st.success(say("handed_in", file=sent["filename"], sha=sent["sha256"][:16], size=size(sent["length"])), icon=":material/check:")
    if vendor:
        _sign(check, vendor)


def _hand_in(check: checks.Check, vendor: str) -> None:
    def send() -> None:
        file = check.package
        told = api().send(f"/vendors/{part(vendor)}/wheels/{part(file.name)}", file.read_bytes(), "application/octet-stream").body
        st.session_state[SENT] = {**told, "check": check.id}

    tried(FAULT, send)


def _sign(check: checks.Check, vendor: str) -> None:
    """The vendor signs on its own machine; its private key never comes here."""
    with st.expander(say("sign_head"), icon=":material/signature:", expanded=True), refusals_shown():
        try:
            base = api().get(f"/vendors/{part(vendor)}/metadata").body
        except FleetFault as fault:
            if fault.status != 404:
                raise
            base = None
        if base is not None:
            import orjson

            last = base if isinstance(base, bytes) else orjson.dumps(base)
            st.download_button(say("last_metadata"), last, "LAST.json", "application/json", icon=":material/download:")
        more = " --base LAST.json" if base is not None else ""
        st.write(say("sign_how"))
        st.code(
            f"storeloom plugin sign {check.package.name} --vendor {vendor} --key {vendor}.pem{more} --output NEXT.json",
            language="bash",
            wrap_lines=True,
        )
        signed = st.file_uploader(say("next_metadata"), type=["json"], key="vendors/signed")
        data = signed.getvalue() if signed is not None else b""
        st.button(
            say("publish_package"),
            key="vendors/publish",
            icon=":material/publish:",
            disabled=not data,
            on_click=_publish,
            args=(vendor, data),
        )


def _publish(vendor: str, data: bytes) -> None:
    tried(FAULT, lambda: api().send(f"/vendors/{part(vendor)}/metadata", data, "application/json"))


def _published() -> None:
    """The chain's packages; a vendor sees its own."""
    st.markdown(f"### {say('published_head')}")
    found = list(api().pages("/packages", {"limit": 500, "withdrawn": "true"}))
    if not found:
        st.caption(say("none_published"))
        return
    st.dataframe(
        [
            {
                say("vendor"): one["vendor"],
                say("package"): one["name"],
                say("version"): one["version"],
                say("tab_solutions"): say("comma").join(str(facts.get(language(), name)) for name, facts in one["solutions"].items()),
                say("published_at"): when(one["uploaded"]),
                say("state"): say("withdrawn") if one["withdrawn"] else say("in_use"),
            }
            for one in found
        ],
        hide_index=True,
    )
    standing = {one["id"]: f"{one['vendor']}: {one['name']} {one['version']}" for one in found if not one["withdrawn"]}
    if standing and may("packages:write"):
        with st.popover(say("withdraw_package"), icon=":material/block:"):
            st.write(say("withdraw_package_note"))
            chosen = st.selectbox(say("package"), list(standing), format_func=standing.__getitem__, key="vendors/withdraw/which")
            st.button(say("withdraw_now"), key="vendors/withdraw", type="primary", on_click=_withdraw, args=(chosen,))


def _withdraw(package: str) -> None:
    tried(FAULT, lambda: api().delete(f"/packages/{part(package)}"))


page()
