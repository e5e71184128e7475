"""Import of many stores from a table: preview, all findings at once, nothing taken while one row is wrong unless the reader says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from storeloom.core.kernel.errors import Finding, StoreloomError
from storeloom.studio.common import language, registry, say, show_findings
from storeloom.studio.fleet.said import shortened
from storeloom.studio.stores.keeping import FolderStores, Keeper, Kept, stores_folder
from storeloom.studio.stores.places import format_words, hours_words
from storeloom.studio.stores.sheet import COLUMNS, Line, Sheet, read_sheet, template, template_rows
from storeloom.studio.stores.work import ALL
from storeloom.studio.stores.workbook import workbook

DONE = "stores/imported"
MOST_FINDINGS = 500
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def import_form(keeper: Keeper, stores: Sequence[Kept], *, chain: bool) -> None:
    """Template, file, preview, findings, button."""
    st.write(say("import_lead"))
    with st.container(horizontal=True, gap="small"):
        for kind, mime, made in (
            ("xlsx", XLSX, lambda: workbook(template_rows(language(), chain=chain))),
            ("csv", "text/csv", lambda: template(language(), chain=chain)),
        ):
            st.download_button(
                say("import_template", kind=kind.upper() if kind == "csv" else kind),
                made,
                file_name=f"stores-{language()}.{kind}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
            )
    file = st.file_uploader(say("import_file"), ["xlsx", "csv", "txt", "tsv"], key="import/file")
    _show_done()
    if file is None:
        return
    replace = st.checkbox(say("import_replace"), key="import/replace")
    sheet = read_sheet(file.getvalue(), registry().catalogue, {one.id for one in stores}, replace=replace)
    show_findings(sheet.findings)
    if sheet.findings:
        return
    if not sheet.lines:
        st.info(say("import_empty"))
        return
    st.markdown(say("import_counts", n=len(sheet.lines), right=len(sheet.right), wrong=len(sheet.wrong)))
    partly = False
    if sheet.wrong:
        st.markdown(f"**{say('import_findings')}**")
        st.dataframe(_findings(sheet), hide_index=True)
        partly = st.checkbox(say("import_partly"), key="import/partly", disabled=not sheet.right)
    st.markdown(f"**{say('import_preview')}**")
    st.dataframe([_preview(line) for line in sheet.lines], hide_index=True)
    ready = bool(sheet.right) and (partly or not sheet.wrong)
    versions = {one.id: one.version for one in stores}
    st.button(
        say("import_button", n=len(sheet.right)),
        key="import/take",
        type="primary",
        icon=":material/upload:",
        disabled=not ready,
        on_click=_take,
        args=(keeper, sheet.right, versions),
    )


def column_words(column: str) -> str:
    """A column by its heading in the reader's language."""
    return COLUMNS[column][language() == "zh"] if column in COLUMNS else column


def _findings(sheet: Sheet) -> list[dict[str, Any]]:
    rows = []
    for line in sheet.wrong:
        for column, finding in line.findings:
            said = f"{finding.text(language())} {finding.fix(language())}".strip()
            rows.append(
                {
                    say("import_row"): line.number,
                    say("col_id"): line.store,
                    say("import_column"): column_words(column),
                    say("import_wrong"): said,
                }
            )
    return rows[:MOST_FINDINGS]


def _preview(line: Line) -> dict[str, Any]:
    profile = line.profile
    wrong = len(line.findings)
    return {
        say("import_row"): line.number,
        say("col_state"): f"⚠ {say('state_wrong', n=wrong)}" if wrong else say("state_ok"),
        say("col_id"): line.store,
        say("name"): str(profile.get("name", "")),
        say("format"): format_words(profile),
        say("col_hours"): hours_words(profile.get("hours")),
        say("col_zone"): str(profile.get("zone", "")),
        say("col_devices"): len(profile.get("devices") or {}),
    }


def moving_form(keeper: Keeper, stores: Sequence[Kept]) -> None:
    """The stores of the studio's folder that the chain has not yet, and the way into it; the files stay as they are."""
    there = {one.id for one in stores}
    left = [one for one in FolderStores(stores_folder()).all() if not one.findings and one.id not in there]
    if left:
        with st.expander(say("move_head", n=len(left)), icon=":material/drive_file_move:"):
            st.write(say("move_lead", place=str(stores_folder())))
            st.caption(shortened([one.id for one in left]))
            if any(one.zones for one in left):
                st.caption(say("zones_apart"))
            new = [Line(0, one.profile) for one in left]
            st.button(
                say("move_button", n=len(left)),
                key="move/take",
                type="primary",
                icon=":material/drive_file_move:",
                on_click=_take,
                args=(keeper, new, {}),
            )
    if st.session_state.get("view") != "import":
        _show_done()


def _take(keeper: Keeper, lines: Sequence[Line], versions: Mapping[str, str]) -> None:
    """Keep the stores, one by one; those that are refused are told, with the reason."""
    taken: int = 0
    refused: list[tuple[str, Sequence[Finding]]] = []
    for line in lines:
        try:
            keeper.save(line.profile, versions.get(line.store), line.beside, None)
            taken += 1
        except StoreloomError as fault:
            refused.append((line.store, fault.findings))
    st.session_state.pop(ALL, None)
    st.session_state[DONE] = taken, refused


def _show_done() -> None:
    """What the last import did, told once."""
    done = st.session_state.pop(DONE, None)
    if done is None:
        return
    taken, refused = done
    st.success(say("import_done", n=taken), icon=":material/check:")
    for store, findings in refused:
        st.error(say("import_refused", store=store))
        show_findings(findings)
