"""The words of the control plane: requests that are refused."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    # the API
    "SL-API-01": Message(
        "error",
        "The request carries no token that is valid.",
        "请求未携带有效令牌。",
        "Send 'Authorization: Bearer TOKEN'; a token that is over is renewed by logging in again.",
        "请发送“Authorization: Bearer TOKEN”；令牌过期须重新登录。",
    ),
    "SL-API-02": Message(
        "error",
        "This needs the scope '{scope}', which your token as {role} does not hold.",
        "此操作需要权限“{scope}”，当前令牌（角色 {role}）不具备。",
        "Ask an administrator of the chain.",
        "请联系连锁管理员。",
    ),
    "SL-API-03": Message(
        "error",
        "Not of the form that is wanted: {reason}.",
        "格式不符：{reason}。",
        "The form stands in /api/v1/openapi.json.",
        "格式见 /api/v1/openapi.json。",
    ),
    "SL-API-04": Message(
        "error",
        "The cursor is none that this list gave.",
        "游标并非由该列表给出。",
        "Take `next` of the page before, or begin anew without `after`.",
        "请使用上一页的 next，或不带 after 重新开始。",
    ),
    "SL-API-05": Message(
        "error",
        "There is no {what} '{name}'.",
        "没有{what}“{name}”。",
        "Check the id; what belongs to another chain is not shown.",
        "请核对编号；其他连锁的内容不予显示。",
    ),
    "SL-API-06": Message(
        "error",
        "The header {header} is missing or not as it should be; wanted: {allowed}.",
        "请求头 {header} 缺失或不符；应为：{allowed}。",
        "Send it and try again.",
        "请补正后重试。",
    ),
    "SL-API-07": Message(
        "error",
        "The Idempotency-Key '{key}' came with another request before.",
        "Idempotency-Key“{key}”此前用于另一请求。",
        "A new request takes a new key.",
        "新请求请使用新的键。",
    ),
    "SL-API-08": Message(
        "error",
        "It contradicts what is stored: something that it names is missing, or there already, or still in use.",
        "与已存内容冲突：所引用的对象不存在、已存在或仍在使用。",
        "Read the present state and try again.",
        "请读取当前状态后重试。",
    ),
    "SL-API-09": Message(
        "error",
        "{method} {path} failed: {reason}.",
        "{method} {path} 失败：{reason}。",
        "The addresses stand in /api/v1/openapi.json.",
        "可用地址见 /api/v1/openapi.json。",
    ),
    "SL-API-10": Message(
        "error",
        "The database is busy or not there.",
        "数据库繁忙或不可用。",
        "Try again in a moment; nothing was changed.",
        "请稍后重试；未作任何更改。",
    ),
    "SL-API-11": Message(
        "error",
        "Something went wrong here that should not.",
        "服务内部出错。",
        "Nothing was changed. The server's log says what it was.",
        "未作任何更改。原因见服务器日志。",
    ),
    "SL-API-12": Message(
        "error",
        "There is one already: '{name}'.",
        "“{name}”已存在。",
        "Take another id, or change the one that is there.",
        "请换用其他编号，或修改已有对象。",
    ),
    "SL-API-13": Message(
        "error",
        "It was changed meanwhile: you read version {got}, it stands at {version}.",
        "内容已被他人修改：您读取的是版本 {got}，当前为 {version}。",
        "Read it again, and make your change to what stands there now.",
        "请重新读取，并在最新内容上修改。",
    ),
    "SL-API-14": Message(
        "error",
        "The store profile is that of '{got}', the store is '{wanted}'.",
        "门店档案属于“{got}”，而门店为“{wanted}”。",
        "Write the same id into both.",
        "两处请填写相同编号。",
    ),
    # people and what they hold
    "SL-IDN-01": Message(
        "error",
        "A password has {least} to {most} characters, this one has {got}.",
        "密码长度须为 {least} 至 {most} 个字符，当前为 {got} 个。",
        "A few words that go together only for you serve well.",
        "可使用几个只有您会联想到一起的词语。",
    ),
    "SL-IDN-02": Message(
        "error",
        "The password is easily guessed: it holds a name or address of its person or chain, or hardly differing characters.",
        "密码容易被猜到：包含本人或连锁的名称、地址，或字符过于单一。",
        "Take another.",
        "请换一个密码。",
    ),
    "SL-IDN-03": Message(
        "error",
        "Name or password is wrong.",
        "用户名或密码错误。",
        "Try again; an administrator of the chain can give you another password.",
        "请重试；连锁管理员可为您重置密码。",
    ),
    "SL-IDN-04": Message(
        "error",
        "Too many failed log-ins.",
        "登录失败次数过多。",
        "Try again in {minutes} min.",
        "请在 {minutes} 分钟后重试。",
    ),
    "SL-IDN-05": Message(
        "error",
        "A token cannot hold what you do not: {scopes}.",
        "令牌权限不能超出本人权限：{scopes}。",
        "Yours: {known}.",
        "本人权限：{known}。",
    ),
    "SL-IDN-06": Message(
        "error",
        "This is the chain's last administrator.",
        "这是该连锁最后一位管理员。",
        "Make somebody else administrator first.",
        "请先指定另一位管理员。",
    ),
    # what stores tell
    "SL-REP-01": Message(
        "error",
        "The chain's files would be too many: {used} MiB are kept, at most {most}.",
        "连锁文件总量超限：已存 {used} MiB，上限 {most} MiB。",
        "Delete files that nobody needs any more.",
        "请删除不再需要的文件。",
    ),
    # the server and its database
    "SL-SRV-01": Message(
        "error",
        "The database has form {got}, this version works with {wanted}.",
        "数据库结构版本为 {got}，本版本需要 {wanted}。",
        "Back it up, then: storeloom server migrate",
        "请先备份，再运行：storeloom server migrate",
    ),
    "SL-SRV-02": Message(
        "error",
        "There is no form '{got}' of the database.",
        "数据库没有结构版本“{got}”。",
        "Known: {known}.",
        "可用：{known}。",
    ),
}
