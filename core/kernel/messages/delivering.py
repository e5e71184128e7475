"""The words of what is found on the way out of a store: commands to devices, events that go up."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    # the outbox
    "SL-OUT-01": Message(
        "warning",
        "{device} takes no commands, {failures} failures in a row: {reason}.",
        "{device} 连续 {failures} 次未接收指令：{reason}。",
        "See to the device and its connection; its commands are tried again, those given up stand in: storeloom dead list.",
        "请检查设备及其连接；指令会重试，已放弃的可用 storeloom dead list 查看。",
    ),
    "SL-OUT-02": Message(
        "error",
        "No command with the id {id} was given up.",
        "没有 id 为 {id} 的已放弃指令。",
        "See which there are: storeloom dead list --data {folder}",
        "查看全部：storeloom dead list --data {folder}",
    ),
    "SL-OUT-03": Message(
        "warning",
        "{count} commands {stream} went to no device, the newest because {reason}.",
        "{count} 条 {stream} 指令没有对应设备，最近一条：{reason}。",
        "Name it in a device's settings, or wire one that serves it; then send again: storeloom dead resend.",
        "请在设备设置中写明，或接入受理该指令的设备；之后可用 storeloom dead resend 重发。",
    ),
    # the upward queue, the store's side
    "SL-UPL-01": Message(
        "warning",
        "Events do not go up to {url}: {reason}.",
        "事件无法上传到 {url}：{reason}。",
        "Nothing is lost: {waiting} records wait in the log and go up once it answers.",
        "数据不会丢失：{waiting} 条记录保留在日志中，连通后继续上传。",
    ),
    "SL-UPL-02": Message(
        "error",
        "{url} refuses the events of store {store}: {reason}.",
        "{url} 拒收门店 {store} 的事件：{reason}。",
        "Check address and token; the records wait in the log and are offered again.",
        "请检查地址与令牌；记录保留在日志中并会再次上传。",
    ),
    "SL-UPL-03": Message(
        "error",
        "{lost} records left the log before they went up.",
        "{lost} 条记录在上传前已被移出日志。",
        "Give the log more room (keep_mb in the bundle's runtime table), or mend the connection sooner.",
        "请增大日志容量（方案包 runtime 表的 keep_mb），或尽早恢复连接。",
    ),
    "SL-UPL-04": Message(
        "warning",
        "{url} knows another course of this store's log at record {seq}: the log is new or restored from an older copy.",
        "{url} 在第 {seq} 条记录处与本门店日志不一致：日志为新建或由旧备份恢复。",
        "All that it holds goes up again as generation {generation}; events that are known already count once.",
        "日志全部内容作为第 {generation} 代重新上传；已有的事件只计一次。",
    ),
    "SL-UPL-05": Message(
        "error",
        "The store has no secret '{secret}', which the upward queue needs as its token.",
        "门店缺少上传队列所需的令牌密钥“{secret}”。",
        "Put it into {file}.",
        "请写入 {file}。",
    ),
    # the upward queue, the receiver's side
    "SL-UPL-06": Message(
        "error",
        "The token is not that of store '{store}'.",
        "令牌与门店“{store}”不符。",
        "Send the store's own as 'Authorization: Bearer TOKEN'.",
        "请以“Authorization: Bearer TOKEN”发送该门店的令牌。",
    ),
    "SL-UPL-07": Message(
        "error",
        "The batch does not fit its checksum, or has none.",
        "批次与其校验和不符，或缺少校验和。",
        "Send it again with its Content-Digest (sha-256 over the bytes as sent).",
        "请附 Content-Digest（对所发字节的 sha-256）重发。",
    ),
    "SL-UPL-08": Message(
        "error",
        "The batch cannot be taken: {reason}.",
        "无法接收该批次：{reason}。",
        "Nothing of it was stored.",
        "该批次未存入任何内容。",
    ),
    "SL-UPL-09": Message(
        "error",
        "The batch of store '{store}' follows record {got}; record {expected} of generation {generation} is what was stored last.",
        "门店“{store}”的批次接在第 {got} 条记录之后；已存至第 {generation} 代第 {expected} 条。",
        "Go on from there.",
        "请从该处继续。",
    ),
}
