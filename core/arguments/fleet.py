"""Commands over a chain: control plane, agents, audit."""

from __future__ import annotations

from storeloom.core.arguments.parser import Commands, whole


def add(commands: Commands) -> None:
    """Declare them."""
    _control_plane(commands)
    _agent(commands)


def _control_plane(commands: Commands) -> None:
    command, option = commands.command, commands.option
    serve = command(
        "server",
        "server:server",
        "the control plane of a chain: set up, run, upgrade its database, back it up",
        "连锁控制平面：初始化、运行、数据库升级、备份与恢复",
    )
    known = {
        "init": (
            "make a chain with its first administrator (password: STORELOOM_PASSWORD, or typed)",
            "建立连锁与首位管理员（密码取自 STORELOOM_PASSWORD 或输入）",
        ),
        "run": ("serve until told to stop", "启动服务，直至停止"),
        "migrate": ("bring the database to this version's form", "升级数据库结构"),
        "backup": ("copy all of it to --copy, also while it runs", "备份到 --copy，运行中亦可"),
        "restore": ("put the backup in --copy into an empty folder", "将 --copy 中的备份恢复到空目录"),
    }
    commands.actions(serve, known)
    option(serve, "--chain", en="init: id of the chain", words="init：连锁编号")
    option(serve, "--name", en="init: its name", words="init：连锁名称")
    option(serve, "--email", en="init: address of its first administrator", words="init：首位管理员邮箱")
    option(
        serve,
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:8080",
        en="run: where to listen (default 127.0.0.1:8080)",
        words="run：监听地址（默认 127.0.0.1:8080）",
    )
    option(serve, "--threads", type=whole(2), default=16, en="run: requests at one time (default 16)", words="run：并发请求数（默认 16）")
    option(serve, "--proxy", metavar="ADDRESS", en="run: the proxy in front, whose word on addresses holds", words="run：可信前置代理地址")
    option(
        serve,
        "--to",
        metavar="FORM",
        default="head",
        en="migrate: to which form (default: the newest)",
        words="migrate：目标版本（默认最新）",
    )
    option(serve, "--copy", metavar="FOLDER", en="backup, restore: the backup's folder", words="backup、restore：备份目录")
    option(serve, "--keys", action="store_true", en="backup: with the server's private keys", words="backup：包含服务端私钥")
    trail = command("audit", "server:audit", "check the control plane's audit log", "校验控制平面审计日志")
    commands.actions(trail, {"verify": ("is each entry there, unchanged and in order", "逐条核对是否完整、未改动、顺序正确")})
    option(trail, "--chain", en="only this chain's", words="仅该连锁")
    for sub in (serve, trail):
        option(
            sub, "--folder", default="control", en="the control plane's folder (default ./control)", words="控制平面目录（默认 ./control）"
        )
        option(
            sub,
            "--database",
            metavar="URL",
            en="its database (default: DATABASE_URL, else SQLite in the folder)",
            words="数据库（默认 DATABASE_URL，否则为目录内的 SQLite）",
        )


def _agent(commands: Commands) -> None:
    command, option = commands.command, commands.option
    agent = command(
        "agent", "agent:agent", "this store's agent: enrol, run, status, systemd unit", "本店代理：登记、运行、状态、systemd 单元"
    )
    known = {
        "enrol": ("make this store known to its control plane, with --server and --code", "向控制平面登记本店（--server 与 --code）"),
        "run": ("fetch, verify and switch releases, and run the store", "获取、校验、切换版本并运行门店"),
        "status": ("what it runs, and how it stands", "当前版本与状态"),
        "unit": ("print its systemd unit", "输出其 systemd 单元"),
    }
    commands.actions(agent, known)
    option(agent, "--home", required=True, metavar="FOLDER", en="the agent's own folder", words="代理自身的目录")
    option(agent, "--server", metavar="URL", en="enrol: the control plane's address", words="enrol：控制平面地址")
    option(agent, "--code", en="enrol: the one-time code", words="enrol：一次性登记码")
    option(agent, "--data", metavar="FOLDER", en="enrol, unit: the store's data (default HOME/store)", words="enrol、unit：门店数据目录")
    option(agent, "--ca", metavar="FILE", en="enrol: certificate authorities, where not the system's", words="enrol：自有的证书机构文件")
    option(agent, "--again", action="store_true", en="enrol: though it is enrolled", words="enrol：已登记时重新登记")
    option(
        agent,
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:0",
        en="run: where the store listens (default: a free port)",
        words="run：门店监听地址（默认任一空闲端口）",
    )
    option(agent, "--user", en="unit: the user that it runs as", words="unit：运行用户")
    trust = command(
        "trust", "trust:trust", "the chain's repository of signed targets: keys, drafts, vendors", "已签名目标的仓库：密钥、草稿、供应商"
    )
    known = {
        "key FILE": ("make a private key, and FILE.pub", "生成私钥及 FILE.pub"),
        "init": ("found the repository of --chain", "为 --chain 建立仓库"),
        "sign FILE": ("sign a draft with --key", "用 --key 签署草稿"),
        "publish [FILE]": ("take in signed drafts (default: all)", "收入已签署的草稿（默认全部）"),
        "rotate ROLE": ("change its keys", "更换密钥"),
        "renew ROLE": ("a draft of root or targets that is good for longer", "为 root 或 targets 生成延长有效期的草稿"),
        "vendor VENDOR": ("admit with --add, or --dismiss", "以 --add 准入，或 --dismiss 取消"),
        "status": ("what stands, and until when", "现状与有效期"),
    }
    commands.actions(trust, known)
    option(trust, "names", nargs="*", metavar="FILE|ROLE|VENDOR", en="what the action is about", words="操作对象")
    for name, en, words in (
        ("--root", "init: public keys of root", "init：root 公钥"),
        ("--targets", "init: public keys of targets", "init：targets 公钥"),
        ("--add", "rotate, vendor: public keys to add", "rotate、vendor：新增公钥"),
        ("--remove", "rotate: key ids to remove, or their beginnings", "rotate：移除的密钥 id 或其开头"),
    ):
        option(trust, name, nargs="+", metavar="KEYID" if name == "--remove" else "PUB", en=en, words=words)
    option(
        trust,
        "--threshold",
        type=whole(1),
        en="init (root), rotate, vendor: so many must sign",
        words="init（root）、rotate、vendor：签名门限",
    )
    option(trust, "--targets-threshold", type=whole(1), en="init: so many must sign targets", words="init：targets 签名门限")
    option(
        trust,
        "--bits",
        type=whole(1),
        default=8,
        en="init: 2**BITS bins for bundles (default 8)",
        words="init：哈希分区数为 2**BITS（默认 8）",
    )
    option(trust, "--alone", metavar="FOLDER", en="init: one holder, keys made in FOLDER", words="init：单一持有人，密钥生成于 FOLDER")
    option(trust, "--dismiss", action="store_true", en="vendor: it may sign no more", words="vendor：取消其签名资格")
    option(trust, "--key", metavar="FILE", en="sign: the private key", words="sign：私钥")
    option(trust, "--chain", metavar="CHAIN", en="id of the chain", words="连锁编号")
    option(
        trust, "--folder", default="control", en="the control plane's folder (default ./control)", words="控制平面目录（默认 ./control）"
    )
    tuf = command(
        "tuf-client", "tuf_client:tuf_client", "the agent's TUF client, for conformance suites", "代理的 TUF 客户端（供一致性测试）"
    )
    known = {
        "init": ("pin the root", "固定 root"),
        "refresh": ("fetch and verify the metadata", "获取并校验元数据"),
        "download": ("fetch and verify a target", "获取并校验目标文件"),
    }
    commands.actions(tuf, known)
    option(tuf, "root", nargs="?", metavar="ROOT", en="init: the root to pin", words="init：要固定的 root")
    option(tuf, "--metadata-dir", required=True, metavar="FOLDER", en="where what is trusted stands", words="可信元数据目录")
    option(
        tuf, "--metadata-url", metavar="URL", en="refresh, download: the repository's metadata", words="refresh、download：仓库元数据地址"
    )
    option(tuf, "--target-name", metavar="NAME", en="download: which target", words="download：目标名称")
    option(tuf, "--target-base-url", metavar="URL", en="download: where targets are", words="download：目标所在地址")
    option(tuf, "--target-dir", metavar="FOLDER", en="download: where it goes", words="download：保存目录")
