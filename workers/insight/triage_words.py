"""The words that complaints in shops are sorted by: weights are logarithms of odds for a category (1 likely, 2 strong, 3 all but certain).

An English word matches as the beginning of a word ("mould" finds "mouldy"). Words of one weight stand together, separated by |. Made for
this project from what retailers' after-sales rules name as classes of complaints; a chain adds its own labels rather than words.
"""

from __future__ import annotations

from collections.abc import Mapping

CATEGORIES = (
    "food_safety",
    "injury",
    "quality",
    "price",
    "conduct",
    "missing_goods",
    "delivery",
    "refund",
    "queue",
    "stock",
    "environment",
    "membership",
)
NAMES_ZH = {
    "food_safety": "食品安全",
    "injury": "人身伤害",
    "quality": "质量",
    "price": "价格",
    "conduct": "服务态度",
    "missing_goods": "少件错发",
    "delivery": "配送",
    "refund": "退款",
    "queue": "排队",
    "stock": "缺货",
    "environment": "环境",
    "membership": "会员权益",
    "other": "其他",
}
FIRST_CLASS = ("food_safety", "injury")
SECOND_CLASS = ("quality", "price", "conduct", "missing_goods")


def _weights(groups: Mapping[float, str]) -> dict[str, float]:
    return {word: weight for weight, listed in groups.items() for word in listed.split("|")}


_TOPICS: dict[str, dict[float, str]] = {
    "food_safety": {
        3: (
            "过期|发霉|变质|馊|虫子|有虫|蛆|异物|玻璃渣|拉肚子|腹泻|食物中毒|呕吐|肚子疼|肚子痛|"
            "expired|past its date|out of date|mould|mold|maggot|insect|worm|a hair in|glass in|food poison|diarrh|"
            "vomit|stomach"
        ),
        2.5: ("头发|过敏|胀包|rotten|use-by|use by date|raw inside|allerg"),
        2: ("霉|酸了|发臭|吐了|保质期|没熟|sour|smelled off"),
        1.5: ("臭味|went off"),
        0.5: "不新鲜",
    },
    "injury": {
        3: (
            "摔倒|滑倒|摔伤|受伤|砸到|砸伤|划伤|割伤|夹伤|烫伤|流血|骨折|送医|触电|磕伤|绊倒|"
            "slipped|fell over|tripped|injur|bleeding|scalded|broken arm|ambulance|electric shock"
        ),
        2.5: ("夹到|fell on|cut my|cut her|cut his|hospital"),
        2: "burnt",
    },
    "quality": {
        3: ("假货|次品|counterfeit|fell apart"),
        2.5: ("质量|掉色|褪色|起球|瑕疵|脱线|quality|defect|faulty|fake|wilted|bruised|stopped working|shrank"),
        2: (
            "坏了|坏的|烂|破损|开裂|不能用|用不了|不新鲜|蔫|压坏|假的|难吃|"
            "broke|torn|stale|does not work|doesn't work|tasteless|fade|not fresh"
        ),
        1.5: ("漏水|味道不对|故障|broken|leak"),
    },
    "price": {
        3: ("多收|多扣|乱收费|重复扣款|overcharg|charged twice|charged double"),
        2.5: ("价签|标价|促销价|少找|多付|offer was not applied|wrong change"),
        2: (
            "价格|收银价|没打折|没有打折|优惠没|涨价|太贵|贵了|算错|"
            "price|charged me|shelf label|label said|not the advertised|expensive|rang up|rip-off|scanned at"
        ),
        1.5: ("扫出来|不一致|虚假宣传|discount"),
    },
    "conduct": {
        3: (
            "态度|不耐烦|白眼|推搡|歧视|嘲笑|爱答不理|没礼貌|搜身|"
            "rude|attitude|shouted|yelled|unfriendly|impolite|disrespect|insult|discriminat|swore"
        ),
        2.5: ("骂|玩手机|吼|冷漠|ignored|accused"),
        2: ("不理|on his phone|on her phone|on their phone"),
        1.5: ("聊天|rolled"),
        1: ("服务员|店员|营业员|保安|security guard"),
        0.7: ("收银员|staff"),
        0.5: "cashier",
    },
    "missing_goods": {
        3: ("少发|漏发|漏装|少给|缺斤|短斤|少装|分量不足|不够秤|not in the bag|short weight|underweight|forgot to pack"),
        2.5: ("少了一|少了两|没收到其中|发错|错发|空包|missing|only received|wrong item"),
        2: ("不足量|only got|left out|incomplete"),
        1.5: ("缺了|没给|少一|was not in"),
        1: "instead of",
    },
    "delivery": {
        2.5: ("配送|送货|骑手|还没送|没送到|物流|派送|送晚|deliver|courier|rider|arrived late"),
        2: ("快递|外卖|送错|超时|签收|driver|hours late|never arrived|parcel|shipping|doorstep"),
        1.5: ("迟到|送来|shipped"),
    },
    "refund": {
        3: ("退款|退货|退钱|换货|不给退|不让退|退不了|七天无理由|refund|money back|return policy"),
        2.5: "take it back",
        2: ("没退|return it|exchange"),
        1.5: ("售后|returned it"),
        1: "发票",
    },
    "queue": {
        3: (
            "排队|收银台只开|结账慢|结账太慢|"
            "queue|waiting in line|waited in line|long line|only one till|only one checkout|only one register"
        ),
        2.5: "队伍",
        2: "只开了一个",
        1.5: "等了|太慢|人太多",
        1.2: "waited",
        1: ("自助收银|checkout|waiting"),
        0.5: "self-checkout",
    },
    "stock": {
        3: ("缺货|没货|断货|空货架|货架空|货架是空|out of stock|sold out|empty shel|shelves were empty|shelf was empty"),
        2.5: ("卖完|买不到|补货|restock"),
        2: ("总是没有|不进货|never have|ran out"),
        1.5: ("到货|not available"),
    },
    "environment": {
        3: "脏乱",
        2.5: ("卫生间|厕所|空调|太吵|噪音|停车|车位|购物车脏|toilet|restroom|filthy|air condition|noisy|parking|car park"),
        2: ("很脏|太脏|太热|太冷|电梯|烟味|蚊|dirty|too hot|too cold|music|loud|escalator|lift is"),
        1.5: "freezing|trolley",
        1.2: "地面",
        1: ("积水|灯|异味|floor was"),
    },
    "membership": {
        3: ("积分|短信骚扰|会员卡|loyalty|unsubscribe"),
        2.5: ("券用不了|小程序|登录|账号|验证码|储值|闪退|points|the app|log in|login|my account|password|spam"),
        2: ("会员|优惠券|注册|app|member|coupon|voucher|gift card"),
    },
}
TOPICS = {name: _weights(groups) for name, groups in _TOPICS.items()}

URGENT = _weights(
    {
        3: ("急诊|住院|送医|救护车|触电|着火|冒烟|漏电|晕倒|ambulance|on fire|electric shock|passed out|fainted|choke|choking"),
        2: ("医院|emergency|hospital|smoke from"),
    }
)

DECEIT = _weights(
    {
        3: (
            "假货|欺诈|欺骗|虚假宣传|以次充好|缺斤|短斤|价格欺诈|以旧充新|篡改|"
            "counterfeit|fraud|deceiv|deceit|false advert|misleading|short weight|relabel|tampered"
        ),
        2: ("假的|骗|冒充|价签|标价|scam|cheat|fake|not the advertised|rip-off"),
    }
)

FEELINGS = _weights(
    {
        1.5: "excellent",
        1.2: ("满意|很好|贴心|棒|happy|helpful|friendly|pleased"),
        1: ("不错|喜欢|耐心|great|love"),
        0.8: "good",
        0.7: ("感谢|kind"),
        0.5: ("谢谢|thank"),
        -0.7: ("投诉|complain"),
        -1: ("无语|坑|难受|annoy|bad|poor"),
        -1.2: ("失望|举报|不满|disappoint|shame|upset"),
        -1.5: ("差劲|太差|生气|骗|糟糕|离谱|过分|曝光|angry|unacceptable|ridiculous"),
        -2: ("垃圾|恶心|气愤|愤怒|再也不|terrible|awful|horrible|disgust|worst|furious|never again|never come back|scam|appalling"),
    }
)

NOT_ZH = ("没有", "没", "不", "未", "无", "并非", "别")
NOT_EN = frozenset(
    ("not", "no", "never", "don't", "didn't", "isn't", "wasn't", "without", "doesn't", "nobody", "aren't", "weren't", "hardly")
)
