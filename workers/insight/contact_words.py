"""Reasons to contact a member in words: what a guide reads and what the member is written; `{item}` stands for a product."""

REASONS = {
    "birthday": ("Birthday", "生日"),
    "cycle_due": ("Time for the next purchase", "复购到期"),
    "back_in_stock": ("Wanted size is back", "心仪尺码到货"),
    "new_arrival": ("New arrival that matches", "新品匹配"),
    "after_care": ("After-care", "售后关怀"),
    "lapsed": ("Not seen for long", "沉睡唤回"),
}
MESSAGES = {
    "birthday": ("Your birthday month is near: we have something for you.", "您的生日月快到了，我们为您准备了心意。"),
    "cycle_due": ("It may be time for your next one; may we help you choose?", "又到您平常选购的时候了，需要帮您搭配吗？"),
    "back_in_stock": ("{item} is back in your size; shall we keep one for you?", "您想要的{item}到货了，要为您留一件吗？"),
    "new_arrival": ("{item} has just come in and goes with what you like.", "新到的{item}很适合您，欢迎来试。"),
    "after_care": ("How do you like what you bought? We are glad to help.", "上次选购的商品用得还满意吗？有问题随时找我。"),
    "lapsed": ("We have missed you; may we show you what is new?", "好久不见，来看看新款吧。"),
}
