"""The words of what is found before anything runs: documents, plugins, configs, wiring, bundles, episodes, command lines."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    # documents
    "SL-DOC-01": Message(
        "error",
        "File not found: {file}.",
        "找不到文件：{file}。",
        "Check the path; paths in a document are relative to that document.",
        "请检查路径；文档中的路径相对于该文档所在目录。",
    ),
    "SL-DOC-02": Message(
        "error", "Cannot read {file}: {reason}.", "无法读取 {file}：{reason}。", "{remedy}", "请检查文件内容与权限后重试。"
    ),
    "SL-DOC-03": Message(
        "error",
        "Not a valid document: {reason}.",
        "文档格式错误：{reason}。",
        "{remedy}",
        "请改正该处语法后重试。",
    ),
    "SL-DOC-04": Message(
        "error",
        "This file says document = '{got}'; needed here is '{allowed}'.",
        "该文件写明 document = “{got}”，此处需要“{allowed}”。",
        "Name another file, or correct its `document`.",
        "请改用其他文件，或更正其 document。",
    ),
    "SL-DOC-05": Message(
        "error",
        "Cannot write or open {file}: {reason}.",
        "无法写入或打开 {file}：{reason}。",
        "Check the path, its permissions and the space that is left.",
        "请检查路径、权限与剩余空间。",
    ),
    # plugins
    "SL-PLG-01": Message(
        "error",
        "There is no {what} '{id}'.{hint_en}",
        "没有名为“{id}”的{what_zh}。{hint_zh}",
        "{known_en}",
        "{known_zh}",
    ),
    "SL-PLG-02": Message(
        "error",
        "Plugin '{id}' cannot be imported: {reason}.",
        "插件“{id}”无法导入：{reason}。",
        "Mend that line, or set enabled = false for it in plugins.toml; the other plugins are not affected.",
        "请修复该行，或在 plugins.toml 中将其 enabled 设为 false；其他插件不受影响。",
    ),
    "SL-PLG-03": Message(
        "error",
        "Plugin '{id}' breaks the plugin contract: {reason}.",
        "插件“{id}”不符合插件约定：{reason}。",
        "{remedy}",
        "请按约定修改该模块。",
    ),
    "SL-PLG-04": Message(
        "error",
        "'{id}' stands in {listing} but not in the static index {index}.",
        "“{id}”列于 {listing}，但静态索引 {index} 中没有。",
        "Run: storeloom index",
        "请运行：storeloom index",
    ),
    "SL-PLG-05": Message(
        "error",
        "'{id}' of package {package} clashes with {other}; the first one stays, this one is left out.",
        "软件包 {package} 的“{id}”与 {other} 冲突；保留先注册者，忽略后者。",
        "Rename one of them (the id is the file's name).",
        "请为其中之一改名（id 即文件名）。",
    ),
    "SL-PLG-06": Message(
        "error",
        "The plugin listing of {package} cannot be used: {reason}.",
        "无法使用 {package} 的插件清单：{reason}。",
        "Mend plugins.toml, or uninstall the package; the other packages are not affected.",
        "请修复 plugins.toml 或卸载该软件包；其他软件包不受影响。",
    ),
    "SL-PLG-07": Message(
        "error",
        "'{id}' changed its config contract without a new version: {reason}.",
        "“{id}”改变了配置约定却未升级版本：{reason}。",
        "Raise `version` to a new major version and add the hook storeloom_migrate_config.",
        "请提升主版本号 version，并实现 storeloom_migrate_config 钩子。",
    ),
    "SL-PLG-08": Message(
        "error",
        "Generated file {file} is stale: {reason}.",
        "生成文件 {file} 已过期：{reason}。",
        "Run: storeloom index",
        "请运行：storeloom index",
    ),
    "SL-PLG-09": Message(
        "error",
        "'{id}' is switched off in {listing}.",
        "“{id}”已在 {listing} 中停用。",
        "Set enabled = true there, or take it out of the bundle.",
        "请在其中将 enabled 设为 true，或从方案包中移除。",
    ),
    # configs, tables, events
    "SL-CFG-01": Message(
        "error",
        "Wrong type: got {got} ({got_type}); allowed: {allowed}.",
        "类型错误：当前为 {got}（{got_type}）；允许：{allowed}。",
        "{remedy_en}",
        "{remedy_zh}",
    ),
    "SL-CFG-02": Message(
        "error",
        "Unknown key '{key}' ({got}).{hint_en}  Known: {known}.",
        "未知的键“{key}”（{got}）。{hint_zh}可用的键：{known}。",
        "Rename or delete the key.",
        "请改名或删除该键。",
    ),
    "SL-CFG-03": Message(
        "error",
        "Value {got} is outside what is allowed: {allowed}.",
        "值 {got} 超出允许范围：{allowed}。",
        "{remedy_en}",
        "{remedy_zh}",
    ),
    "SL-CFG-04": Message(
        "error",
        "Key '{key}' is missing; needed: {known}.",
        "缺少键“{key}”；必需：{known}。",
        "Add the key.",
        "请补上该键。",
    ),
    "SL-CFG-05": Message("error", "{problem}", "{problem}", "{remedy}", "{remedy}"),
    "SL-CFG-06": Message(
        "error",
        "A runtime profile cannot switch '{key}': it takes effect by {effect}.",
        "运行档案不能切换“{key}”：该键需要{effect_zh}才生效。",
        "Switch only keys that take effect live: {known}.",
        "只能切换即时生效的键：{known}。",
    ),
    "SL-CFG-07": Message(
        "error",
        "The store has no secret '{secret}', which {instance} needs as {key}.",
        "门店没有 {instance} 的 {key} 所需的密钥“{secret}”。",
        "Put its name and value into {file}.",
        "请将名称与取值写入 {file}。",
    ),
    "SL-CFG-08": Message(
        "error",
        "Stream '{stream}' must not lose a fact, so that its queue cannot be '{policy}'.",
        "数据流“{stream}”不允许丢失数据，其队列不能设为“{policy}”。",
        'Set policy = "block", or another limit. Streams whose queue may leave facts out: {known}.',
        '请设为 policy = "block"，或只调整 limit。允许丢弃的数据流：{known}。',
    ),
    "SL-CFG-09": Message(
        "error",
        "keep_days = {keep} is shorter than lateness_d = {late}: the repeat of a late fact could not be told any more.",
        "keep_days = {keep} 小于 lateness_d = {late}：将无法识别迟到数据的重复。",
        "Keep at least {late} days, or lower lateness_d.",
        "请至少保留 {late} 天，或调小 lateness_d。",
    ),
    # wiring
    "SL-WIR-01": Message(
        "error",
        "Nothing provides stream '{stream}', which {instance} needs.  Could provide it: {providers}.",
        "没有来源提供 {instance} 所需的数据流“{stream}”。可提供者：{providers}。",
        "Add one of these to the bundle or the store, or take {instance} out.",
        "请在方案包或门店中添加其一，或移除 {instance}。",
    ),
    "SL-WIR-02": Message(
        "error",
        "Cyclic wiring: {cycle}; none of them can start, for no source outside feeds {streams}.",
        "连线成环：{cycle}；环外没有来源提供 {streams}，均无法启动。",
        "Add a source from outside the ring for one of these streams: {providers}.",
        "请在环外为其中一个数据流添加来源：{providers}。",
    ),
    "SL-WIR-03": Message(
        "info",
        "Feedback loop: {cycle}.",
        "存在反馈回路：{cycle}。",
        "Nothing to do if it is meant; a loop that never settles is stopped by the runtime.",
        "如属有意可忽略；不收敛的回路会被运行时中止。",
    ),
    "SL-WIR-04": Message(
        "error",
        "{instances} command '{stream}' on {device}; only one may.",
        "{instances} 都向 {device} 发送“{stream}”指令；只允许一个。",
        "Bind them to different devices, or list their order under [arbitrate].",
        "请绑定到不同设备，或在 [arbitrate] 中列出优先次序。",
    ),
    "SL-WIR-05": Message(
        "info",
        "Optional stream '{stream}' of {instance} has no source; that part of it rests.",
        "{instance} 的可选数据流“{stream}”没有来源；相应功能不启用。",
        "Could provide it: {providers}.",
        "可提供者：{providers}。",
    ),
    "SL-WIR-06": Message(
        "error",
        "'{source}' under from cannot provide '{stream}'.",
        "from 中的“{source}”不能提供“{stream}”。",
        "Known sources here: {known}.",
        "此处可用来源：{known}。",
    ),
    # devices
    "SL-DEV-01": Message(
        "error",
        "{instance} needs a device of kind {kind}; the store has none.",
        "{instance} 需要 {kind} 类设备；门店没有。",
        "Add one under [devices] of the store profile, or take the solution out.",
        "请在门店档案的 [devices] 中添加，或移除该方案。",
    ),
    "SL-DEV-02": Message(
        "error",
        "No device '{device}' in the store.{hint_en}",
        "门店没有设备“{device}”。{hint_zh}",
        "Devices of kind {kind}: {known}.",
        "{kind} 类设备：{known}。",
    ),
    "SL-DEV-03": Message(
        "error",
        "Device '{device}' is of kind {got}; {instance} needs {kind}.",
        "设备“{device}”为 {got} 类；{instance} 需要 {kind}。",
        "Devices of kind {kind}: {known}.",
        "{kind} 类设备：{known}。",
    ),
    "SL-DEV-04": Message(
        "error",
        "{instance} takes no device of kind '{kind}'.",
        "{instance} 不使用“{kind}”类设备。",
        "It takes: {known}.",
        "可用类别：{known}。",
    ),
    # formats and capacity
    "SL-FMT-01": Message(
        "error",
        "{instance} is made for {known}; this store's format is {got}.",
        "{instance} 适用于 {known}；本店业态为 {got}。",
        "Take it out, or choose one for this format: storeloom catalogue --format {got}.",
        "请移除，或查找适用方案：storeloom catalogue --format {got}。",
    ),
    "SL-CAP-01": Message(
        "error",
        "The bundle needs about {need} {unit}; the store's edge host has {have}.  Heaviest: {heaviest}.",
        "方案包约需 {need} {unit}；门店边缘主机只有 {have}。占用最多：{heaviest}。",
        "Raise edge.{key} of the store, or take out one of the heaviest.",
        "请提高门店 edge.{key}，或移除占用最多的方案。",
    ),
    # bundles
    "SL-BND-01": Message(
        "error",
        "The bundle's digest does not match its content: it was changed after packing.",
        "方案包摘要与内容不符：打包后被改动。",
        "Pack it again from its source: storeloom pack FILE.",
        "请由源文件重新打包：storeloom pack FILE。",
    ),
    "SL-BND-02": Message(
        "error",
        "The bundle locks {what} {locked} of '{id}'; installed here is {installed}.",
        "方案包将“{id}”的{what_zh}锁定为 {locked}；此处安装的是 {installed}。",
        "Install the locked version, or compose and pack anew.",
        "请安装锁定的版本，或重新组合并打包。",
    ),
    "SL-BND-03": Message(
        "error",
        "The bundle names no store.",
        "方案包没有指定门店。",
        'Add store = "FILE" or a [store] table.',
        '请添加 store = "FILE" 或 [store] 表。',
    ),
    "SL-BND-04": Message(
        "error",
        "The bundle has no solutions.",
        "方案包没有任何方案。",
        "Add one: [solutions.ID]; list them with storeloom catalogue.",
        "请添加一个：[solutions.ID]；用 storeloom catalogue 查看。",
    ),
    # episodes
    "SL-EPI-01": Message(
        "error",
        "Not an episode: {reason}.",
        "不是有效的情景文件：{reason}。",
        "{remedy}",
        "请对照情景文件格式修改。",
    ),
    # the command line
    "SL-CLI-01": Message("error", "{reason}.", "{reason}。", "See: {command} --help", "参见：{command} --help"),
}
