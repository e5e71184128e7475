"""Prices and promotions: what a product costs at a time, and what a basket costs under all rules that hold."""

from .basket import AppliedRule, GiftOffer, PricedBasket, PricedLine, Refusal, price_basket, refund_amount
from .money import Rounding, apportion, line_amount, round_money
from .prices import Price, PriceBook, UnpricedItem, index_products, rows_by_item
from .rule_index import RuleIndex
from .rules import Rule, coupon_rule, promotion_rule

__all__ = [
    "AppliedRule",
    "GiftOffer",
    "Price",
    "PriceBook",
    "PricedBasket",
    "PricedLine",
    "Refusal",
    "Rounding",
    "Rule",
    "RuleIndex",
    "UnpricedItem",
    "apportion",
    "coupon_rule",
    "index_products",
    "line_amount",
    "price_basket",
    "promotion_rule",
    "refund_amount",
    "round_money",
    "rows_by_item",
]
