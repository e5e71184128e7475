"""Words of signing in to a chain's control plane, and of what all pages of a chain share."""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    "chain_section": {"en": "Chain", "zh": "连锁"},
    "design_section": {"en": "Design", "zh": "设计"},
    "signin": {"en": "Sign in", "zh": "登录"},
    "sign_in": {"en": "Sign in", "zh": "登录"},
    "sign_out": {"en": "Sign out", "zh": "退出登录"},
    "signed_in_as": {"en": "{name}, {role} of {chain}", "zh": "{name}，{chain} 的{role}"},
    "signed_in": {"en": "You are signed in.", "zh": "您已登录。"},
    "signin_lead": {
        "en": "The control plane holds a chain's stores, its signed releases and what its stores tell.",
        "zh": "控制平面保存连锁的门店、已签名的发布以及各门店上报的情况。",
    },
    "no_server": {
        "en": "No control plane is named. Set STORELOOM_SERVER to its address before the studio starts (storeloom server run starts one).",
        "zh": "尚未指定控制平面。请在启动工作台前将 STORELOOM_SERVER 设为其地址（用 storeloom server run 启动）。",
    },
    "server_line": {"en": "Control plane: `{server}`", "zh": "控制平面：`{server}`"},
    "session_over": {"en": "Your session is over. Sign in again; nothing was lost.", "zh": "会话已结束，请重新登录；内容没有丢失。"},
    "way_in": {"en": "Sign in with", "zh": "登录方式"},
    "by_password": {"en": "Password", "zh": "密码"},
    "by_token": {"en": "Token", "zh": "令牌"},
    "token": {"en": "Token", "zh": "令牌"},
    "token_note": {
        "en": "One made by POST /tokens. It stays in the studio's memory and is written nowhere.",
        "zh": "由 POST /tokens 生成。仅保存在工作台内存中，不写入任何文件。",
    },
    "chain": {"en": "Chain", "zh": "连锁编号"},
    "email": {"en": "E-mail", "zh": "邮箱"},
    "password": {"en": "Password", "zh": "密码"},
    "no_cookie": {
        "en": "This page was opened without the studio's cookie: after a reload you will be asked to sign in again.",
        "zh": "此页面打开时没有工作台的 Cookie：刷新后需要重新登录。",
    },
    "missing_fields": {"en": "Not filled in: {fields}.", "zh": "未填写：{fields}。"},
    "comma": {"en": ", ", "zh": "、"},
    "not_for_role": {
        "en": "This page is not for the role {role}. Ask an administrator of the chain.",
        "zh": "角色“{role}”不能使用此页面，请联系连锁管理员。",
    },
    "role_admin": {"en": "administrator", "zh": "管理员"},
    "role_integrator": {"en": "integrator", "zh": "集成商"},
    "role_operator": {"en": "operator", "zh": "运维员"},
    "role_viewer": {"en": "viewer", "zh": "查看者"},
    "role_vendor": {"en": "vendor", "zh": "供应商"},
    "role_agent": {"en": "agent", "zh": "门店代理"},
}
