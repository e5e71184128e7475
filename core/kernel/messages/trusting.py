"""The words of trust: what a store refuses to believe, sealed secrets, the repository of signed targets."""

from __future__ import annotations

from storeloom.core.kernel.messages.message import Message

MESSAGES: dict[str, Message] = {
    # the client: what is refused
    "SL-TRU-01": Message(
        "error",
        "{file} does not carry the signatures that it needs.",
        "{file} 缺少所需的签名。",
        "Nothing of it is used and the store goes on. Somebody without the keys wrote it, or the keys were "
        "changed without a new root: ask who keeps them.",
        "内容不予采用，门店照常运行。可能由未持密钥者写入，或更换密钥后未发布新的 root：请联系密钥保管人。",
    ),
    "SL-TRU-02": Message(
        "error",
        "{file} is older than what was seen before: {reason}.",
        "{file} 早于此前所见版本：{reason}。",
        "Nothing of it is used and the store goes on. A mirror or proxy may hold back what is newer.",
        "内容不予采用，门店照常运行。可能是镜像或代理扣留了新版本。",
    ),
    "SL-TRU-03": Message(
        "error",
        "{file} is no longer valid: it ended {ended}, and it is {now} here.",
        "{file} 已失效：有效期至 {ended}，本机时间 {now}。",
        "The store goes on with what it runs. Look whether the control plane signs anew (storeloom trust "
        "status), whether something between holds it back, and whether this machine's clock is ahead.",
        "门店继续运行现有内容。请检查控制平面是否仍在签名（storeloom trust status）、途中是否被扣留、本机时钟是否偏快。",
    ),
    "SL-TRU-04": Message(
        "error",
        "{file} is not what was signed: {reason}.",
        "{file} 与签名内容不符：{reason}。",
        "It was thrown away; the next attempt begins anew. If it comes again, look at the line and at who stands between.",
        "已丢弃，下次重新下载。若反复出现，请检查线路与中间设备。",
    ),
    "SL-TRU-05": Message(
        "error",
        "This machine's clock says {now}, but it is {floor} at least: that was signed already.",
        "本机时钟为 {now}，但至少已是 {floor}：已有此时间的签名。",
        "Set the clock (time service, battery). Until then nothing new is taken in; the store goes on with what it runs.",
        "请校准时钟（时间服务、电池）。在此之前不接收更新；门店继续运行现有内容。",
    ),
    "SL-TRU-06": Message(
        "error",
        "{file} goes on beyond the {limit} bytes that it may have.",
        "{file} 超过允许的 {limit} 字节。",
        "The download was ended. Look at who answers under this address.",
        "下载已中止。请检查该地址的应答方。",
    ),
    "SL-TRU-07": Message(
        "error",
        "{file} comes too slowly: {got} bytes in {seconds} s.",
        "{file} 传输过慢：{seconds} 秒仅 {got} 字节。",
        "What came of a target is kept and continued. Look at the line.",
        "已收到的部分将保留并续传。请检查线路。",
    ),
    "SL-TRU-08": Message(
        "error",
        "{file} cannot be fetched: {reason}.",
        "无法获取 {file}：{reason}。",
        "It is tried again; the store goes on with what it runs. Look at the line and the control plane.",
        "稍后重试；门店继续运行现有内容。请检查线路与控制平面。",
    ),
    "SL-TRU-09": Message(
        "error",
        "No '{target}' is signed.",
        "没有已签名的“{target}”。",
        "It was withdrawn, was never published, or its vendor may not sign for this path.",
        "它已撤回、从未发布，或其供应商无权为该路径签名。",
    ),
    "SL-TRU-10": Message(
        "error",
        "{file} is no metadata of a repository: {reason}.",
        "{file} 不是仓库元数据：{reason}。",
        "Nothing of it is used and the store goes on.",
        "内容不予采用，门店照常运行。",
    ),
    "SL-TRU-11": Message(
        "error",
        "{file} cannot be written: {reason}.",
        "无法写入 {file}：{reason}。",
        "Make room or mend the disk; what was trusted before is still whole.",
        "请清理空间或修复磁盘；此前可信的内容仍然完整。",
    ),
    # secrets
    "SL-TRU-12": Message(
        "error",
        "This is no key or sealed secret: {reason}.",
        "并非密钥或密封的机密：{reason}。",
        "Let the agent enrol again; it sends its public key then.",
        "请让门店代理重新注册，届时会发送公钥。",
    ),
    "SL-TRU-13": Message(
        "error",
        "The secret cannot be opened with the key {key}: it was sealed to another, or changed on its way.",
        "机密无法用密钥 {key} 打开：系为其他密钥密封，或途中被改动。",
        "Seal it anew to the store's present key: write the secret again.",
        "请按门店当前密钥重新密封：重新写入该机密。",
    ),
    # the repository: signing and publishing
    "SL-TRU-14": Message(
        "error",
        "{file} is no key that can be used: {reason}.",
        "{file} 不是可用的密钥：{reason}。",
        "Give a key file made by storeloom trust key, and its passphrase where it has one.",
        "请使用 storeloom trust key 生成的密钥文件；如有口令请一并提供。",
    ),
    "SL-TRU-15": Message(
        "error",
        "{role} of version {version} has {got} of the {needed} signatures that it needs.",
        "{role} 版本 {version} 仅有 {got} 个签名，需要 {needed} 个。",
        "Carry the file to the missing holders: storeloom trust sign FILE --key KEY. May sign: {may}.",
        "请将文件交给其余持有人签署：storeloom trust sign FILE --key KEY。可签者：{may}。",
    ),
    "SL-TRU-16": Message(
        "error",
        "{role} cannot be taken: {reason}.",
        "不能接受 {role}：{reason}。",
        "Make it anew from what is published now.",
        "请基于当前已发布的版本重新制作。",
    ),
    "SL-TRU-17": Message(
        "error",
        "The chain '{chain}' has no repository of signed targets yet.",
        "连锁“{chain}”尚无已签名目标的仓库。",
        "Found it: storeloom trust init, sign, publish.",
        "请先建立：storeloom trust init、sign、publish。",
    ),
    "SL-TRU-18": Message(
        "error",
        "There is no private key for {role} on this server.",
        "本服务器没有 {role} 的私钥。",
        "Put the key back (STORELOOM_TRUST_PASSPHRASE opens it), or make a new one: storeloom trust rotate {role}.",
        "请恢复密钥（用 STORELOOM_TRUST_PASSPHRASE 打开），或更换：storeloom trust rotate {role}。",
    ),
    "SL-TRU-19": Message(
        "error",
        "'{target}' is published already, with other content.",
        "“{target}”已发布，内容不同。",
        "What is published never changes: publish under a new number or version.",
        "已发布内容不可更改：请使用新的编号或版本。",
    ),
    "SL-TRU-20": Message(
        "error",
        "'{target}' is no path that may be published here; wanted: {allowed}.",
        "“{target}”不是可在此发布的路径；应为：{allowed}。",
        "Name it so.",
        "请按要求命名。",
    ),
    "SL-TRU-21": Message(
        "error",
        "The wheel '{file}' cannot be read: {reason}.",
        "无法读取 wheel“{file}”：{reason}。",
        "Build it anew (python -m build --wheel) after storeloom index --package.",
        "请先 storeloom index --package，再重新构建（python -m build --wheel）。",
    ),
    "SL-TRU-22": Message(
        "error",
        "'{target}' is signed, but no such file was uploaded: length {length}, SHA-256 {sha256}.",
        "“{target}”已签名，但未上传对应文件：长度 {length}，SHA-256 {sha256}。",
        "Upload the wheel first, the very file that was signed.",
        "请先上传该 wheel，须与签名时完全一致。",
    ),
}
