"""What `storeloom plugin sign` and `plugin publish` say of a vendor's wheels and signed metadata, and `storeloom surface` of a version."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    "SL-PUB-01": Message(
        "error",
        "Two wheels are called {file}.",
        "有两个 wheel 同名：{file}。",
        "Give one of them: what is published under a name never changes.",
        "请只给出其中一个：以某名称发布的内容不可更改。",
    ),
    "SL-PUB-02": Message(
        "error",
        "Nothing is to be signed: no wheel is given, and there is no metadata of {vendor} to renew.",
        "没有可签署的内容：未给出 wheel，也没有可续期的 {vendor} 元数据。",
        "Name the wheels, or what was signed last: --base LAST.json.",
        "请给出 wheel，或上次签署的元数据：--base LAST.json。",
    ),
    "SL-PUB-03": Message(
        "error",
        "The metadata does not name the wheel {file}.",
        "元数据中没有 wheel {file}。",
        "Sign it: storeloom plugin sign {file} --vendor {vendor} --key KEY --output NEXT.json.",
        "请先签署：storeloom plugin sign {file} --vendor {vendor} --key KEY --output NEXT.json。",
    ),
    "SL-PUB-04": Message(
        "error",
        "The wheel {file} is not the one that was signed: its SHA-256 is {got}, signed is {signed}.",
        "wheel {file} 与签署时不同：其 SHA-256 为 {got}，签署的是 {signed}。",
        "Give the very file that was signed, or sign this one under a new version.",
        "请给出签署时的同一文件，或以新版本签署此文件。",
    ),
    "SL-PUB-05": Message(
        "error",
        "The metadata names {file}, which is neither given here nor published.",
        "元数据中有 {file}，但此处未给出，也未曾发布。",
        "Give this wheel too, the very file that was signed.",
        "请一并给出该 wheel，须与签署时完全一致。",
    ),
    "SL-PUB-06": Message(
        "error",
        "The metadata is version {got}; {server} has version {known}, so that {wanted} is next.",
        "元数据为版本 {got}；{server} 现为版本 {known}，下一个应为 {wanted}。",
        "Sign anew on what is published now: storeloom plugin sign without --base asks for it.",
        "请基于当前已发布的元数据重新签署：storeloom plugin sign 不带 --base 时会自动获取。",
    ),
    "SL-PUB-07": Message(
        "error",
        "The metadata ended {ends}.",
        "元数据已于 {ends} 到期。",
        "Sign anew: storeloom plugin sign --vendor {vendor} --key KEY --days N --output NEXT.json.",
        "请重新签署：storeloom plugin sign --vendor {vendor} --key KEY --days N --output NEXT.json。",
    ),
    "SL-PUB-08": Message(
        "error",
        "The metadata is of {vendors}; one vendor's is wanted.",
        "元数据涉及供应商：{vendors}；应只属于一个供应商。",
        "Name the vendor: --vendor VENDOR, and give its own metadata.",
        "请指明供应商：--vendor VENDOR，并给出其自己的元数据。",
    ),
    "SL-PUB-09": Message(
        "warning",
        "{file} was withdrawn and stays so: no new release takes it up.",
        "{file} 已撤回且保持撤回：不会再纳入新版本。",
        "Publish its mended form under a new version.",
        "请以新版本发布修正后的内容。",
    ),
    "SL-PUB-10": Message(
        "error",
        "'{vendor}' is no vendor's id.",
        "“{vendor}”不是供应商编号。",
        "Small letters, digits and hyphens, 63 at most: the id under which the chain admitted you.",
        "小写字母、数字与连字符，至多 63 个字符：即连锁接纳时使用的编号。",
    ),
    "SL-PUB-20": Message(
        "error",
        "'{what}' {did} since {before}, and the changelog does not say so.",
        "“{what}”自 {before} 起{did}，但更新日志未提及。",
        "Write a line under [Unreleased] that names it: {names}.",
        "请在 [Unreleased] 下写一行，提及其名称：{names}。",
    ),
    "SL-PUB-21": Message(
        "error",
        "'{what}' {did} since {before}, which may break what others built; the version is {version}.",
        "“{what}”自 {before} 起{did}，可能使他人的代码失效；当前版本为 {version}。",
        "Keep it and deprecate it (docs/stability.md), or make the version {wanted}.",
        "请保留并标记为弃用（docs/zh/stability.md），或将版本改为 {wanted}。",
    ),
    "SL-PUB-22": Message(
        "error",
        "'{what}' is deprecated since {since} and should be gone in {version}.",
        "“{what}”自 {since} 起弃用，在 {version} 中应已移除。",
        "Remove it, and its line in core/deprecation.py.",
        "请移除它，以及 core/deprecation.py 中的相应条目。",
    ),
}
