"""The documents behind a bundle: its own file, its template, overlays and store profile, merged in layers that remember their origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storeloom.core.kernel import schemas
from storeloom.core.kernel.documents import Document, DocumentError, read
from storeloom.core.kernel.errors import DocumentFault, Finding, PluginFault, StoreloomError
from storeloom.core.kernel.events import plain
from storeloom.core.kernel.overlay import Layer, Layered, Origin
from storeloom.core.kernel.registry import Catalogue

OWN_KEYS = ("document", "template", "overlays", "store", "name")
BUNDLE, STORE = schemas.SCHEMAS / "bundle.json", schemas.SCHEMAS / "store.json"


def open_document(path: str | Path, wanted: str | None = None) -> Document:
    """Read a document; DocumentFault with file, line and remedy when it cannot be used, or is of another kind than `wanted`."""
    try:
        document = read(path)
    except DocumentError as error:
        raise DocumentFault(document_finding(error)) from error
    document = Document(document.path, plain(document.data), document.lines)
    got = document.data.get("document")
    if wanted and got is not None and got != wanted:
        args = {"got": got, "allowed": wanted}
        raise DocumentFault(Finding("SL-DOC-04", args, path="document", file=document.path, line=document.line_of("document")))
    return document


def document_finding(error: DocumentError) -> Finding:
    """A document error as a finding."""
    reason = error.reason.rstrip(".")
    args = {"file": error.path, "reason": {"en": reason, "zh": _reason_zh(error) or reason}, "remedy": error.remedy.rstrip(".") + "."}
    code = {"missing": "SL-DOC-01", "unreadable": "SL-DOC-02", "not_text": "SL-DOC-02"}.get(error.kind, "SL-DOC-03")
    return Finding(code, args, file=error.path, line=error.line)


def _reason_zh(error: DocumentError) -> str | None:
    """What is wrong, in Chinese; None where only a parser's own words tell it."""
    first = f"（首次在第 {error.first_line} 行）" if error.first_line else ""
    words = {
        "unreadable": "不是可读取的文件",
        "not_text": "不是 UTF-8 文本",
        "duplicate_key": f"键“{error.key}”重复{first}",
        "wrong_suffix": "文件后缀须为 .toml、.json、.yaml 或 .yml",
        "not_a_table": "文件中没有键值表",
    }
    return words.get(error.kind)


@dataclass(frozen=True, slots=True)
class Sources:
    """A bundle's layers merged (`layered`), its store profile, and the findings of reading them."""

    name: str
    path: str
    layered: Layered
    store: Layered | None
    findings: tuple[Finding, ...]

    @property
    def value(self) -> Mapping[str, Any]:
        merged: Mapping[str, Any] = self.layered.value
        return merged

    def place(self, *keys: str | int) -> tuple[str | None, int | None]:
        """File and line of a key of the merged bundle."""
        return _file_line(self.layered.origin(*keys))

    def store_place(self, *keys: str | int) -> tuple[str | None, int | None]:
        """File and line of a key of the store profile."""
        return _file_line(self.store.origin(*keys)) if self.store else (None, None)


def _file_line(origin: Origin) -> tuple[str | None, int | None]:
    return origin.path, origin.line


def read_sources(path: str | Path, catalogue: Catalogue) -> Sources:
    """Read a bundle file and all that it names. DocumentFault when the bundle's own file cannot be used; the rest are findings."""
    return gather(open_document(path, "bundle/1"), catalogue)


def gather(own: Document, catalogue: Catalogue) -> Sources:
    """The sources of a bundle document that has been read."""
    findings = _schema_findings(own, BUNDLE)
    layers: list[Layer] = []
    named = [("template", own.data.get("template"), "template/1")]
    overlays = own.data.get("overlays", [])
    named += [("overlay", name, "overlay/1") for name in (overlays if isinstance(overlays, list) else [])]
    for what, name, wanted in named:
        if not isinstance(name, str):
            continue
        document = _named(own, what, name, wanted, findings)
        if document is not None:
            findings += _schema_findings(document, BUNDLE)
            layers.append(Layer(f"{what} {Path(name).stem}", document, _body(document)))
    store = _store(own, findings)
    label = f"store {store.value.get('store', '')}" if store else "bundle"
    layers.append(Layer(label, own, _body(own)))
    return _over_defaults(str(own.data.get("name", Path(own.path).stem)), own.path, layers, store, findings, catalogue)


def gather_documents(name: str, designs: Sequence[tuple[str, Document]], profile: Document, catalogue: Catalogue) -> Sources:
    """The sources of a bundle whose documents are at hand: its layers by name, from the base to the most particular, and the profile."""
    findings = [finding for _, document in designs for finding in _schema_findings(document, BUNDLE)]
    layers = [Layer(label, document, _body(document)) for label, document in designs]
    return _over_defaults(name, designs[-1][1].path, layers, _profile(profile, findings), findings, catalogue)


def _over_defaults(
    name: str, path: str, layers: Sequence[Layer], store: Layered | None, findings: Iterable[Finding], catalogue: Catalogue
) -> Sources:
    defaults = Layer("default", None, _defaults(Layered(layers).value, catalogue))
    return Sources(name, path, Layered([defaults, *layers]), store, tuple(findings))


def _named(own: Document, what: str, name: str, wanted: str, findings: list[Finding]) -> Document | None:
    """A document that the bundle names, by a path relative to it."""
    try:
        return open_document(Path(own.path).parent / name, wanted)
    except StoreloomError as fault:
        findings += fault.findings
        return None


def _store(own: Document, findings: list[Finding]) -> Layered | None:
    given = own.data.get("store")
    if isinstance(given, str):
        document = _named(own, "store", given, "store/1", findings)
        if document is None:
            return None
        return _profile(document, findings)
    if isinstance(given, Mapping):
        findings += schemas.check(STORE, given, at="store", place=lambda *keys: (own.path, own.line_of("store", *keys)))
        findings += zone_findings(given, "store.zone", own.path, own.line_of("store", "zone"))
        return Layered([Layer("store profile", own, given, ("store",))])
    findings.append(Finding("SL-BND-03", file=own.path))
    return None


def _profile(document: Document, findings: list[Finding]) -> Layered:
    findings += _schema_findings(document, STORE)
    findings += zone_findings(document.data, "zone", document.path, document.line_of("zone"))
    return Layered([Layer("store profile", document, document.data)])


def zone_findings(store: Mapping[str, Any], path: str, file: str | None, line: int | None) -> list[Finding]:
    """A finding for a time zone that this machine does not know, in a profile that has one."""
    import zoneinfo

    name = store.get("zone")
    try:
        if isinstance(name, str):
            zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        allowed = {"en": "an IANA time zone such as Asia/Shanghai", "zh": "IANA 时区名，如 Asia/Shanghai"}
        args = {"got": schemas.show(name), "allowed": allowed, "remedy_en": "", "remedy_zh": ""}
        return [Finding("SL-CFG-03", args, path, file, line)]
    return []


def document_findings(document: Document, schema: Path, catalogue: Catalogue) -> list[Finding]:
    """A template, overlay or profile by itself: its shape, its solutions' ids, and their configs as far as they go."""
    findings = _schema_findings(document, schema)
    solutions = document.data.get("solutions") if schema == BUNDLE else None
    for name, body in solutions.items() if isinstance(solutions, Mapping) else ():
        if not isinstance(body, Mapping):
            continue
        try:
            entry = catalogue.solution(str(body.get("solution", name)))
        except PluginFault as fault:
            line = document.line_of("solutions", name)
            findings += [Finding(f.code, f.args, f"solutions.{name}", document.path, line) for f in fault.findings]
            continue
        at = ("solutions", name, "config")
        findings += schemas.check(
            entry.schema_file,
            body.get("config", {}),
            at=".".join(at),
            place=lambda *keys, at=at: (document.path, document.line_of(*at, *keys)),
        )
    return findings


def _schema_findings(document: Document, schema: Path) -> list[Finding]:
    return schemas.check(schema, document.data, place=lambda *keys: (document.path, document.line_of(*keys)))


def _body(document: Document) -> dict[str, Any]:
    return {key: value for key, value in document.data.items() if key not in OWN_KEYS}


def _defaults(value: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """The schema defaults of every instance that names a known solution, as the first layer."""
    solutions = value.get("solutions")
    filled = {}
    for name, body in solutions.items() if isinstance(solutions, Mapping) else ():
        entry = catalogue.solutions.get(body.get("solution", name)) if isinstance(body, Mapping) else None
        if entry is not None:
            filled[name] = {"config": config_defaults(entry.schema_file)}
    return {"solutions": filled} if filled else {}


def config_defaults(schema_file: Path) -> dict[str, Any]:
    """The default of every key of a config schema that has one."""
    properties = schemas.load(schema_file).get("properties", {})
    return {key: facts["default"] for key, facts in properties.items() if "default" in facts}
