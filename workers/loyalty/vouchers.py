"""Points earned on spend whose remainder is carried, and a numbered ledger of them in which no entry can be changed unseen.

An account is plain JSON: `balance`, `carry` (minor units that have not earned yet). A receipt is `{"net", "points", "returned", "taken",
"returns": [{"name", "amount"}]}`. The ledger is the chain of `consents`: the hash of an entry is SHA-256 over the previous hash and the
entry's canonical JSON; entries count from 1.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from storeloom.workers.loyalty.consents import FIRST, entry_hash

Account = dict[str, Any]
Receipt = dict[str, Any]
HEAD, ENTRY = "ledger", "entry:"


def new_account() -> Account:
    return {"balance": 0, "carry": 0}


def new_receipt(net: int, points: int) -> Receipt:
    return {"net": net, "points": points, "returned": 0, "taken": 0, "returns": []}


def earn(account: Account, net: int, spend_per_point: int) -> int:
    """Points for a net spend and what was carried (minor units); the remainder is carried on."""
    points, account["carry"] = divmod(account["carry"] + max(0, net), spend_per_point)
    account["balance"] += points
    return int(points)


def take_back(receipt: Receipt, name: str | None, amount: int) -> int:
    """Points that a return of `amount` takes back of its receipt: of all returns together in proportion, rounded down.

    A return counts once: by its own receipt's `name`, and one without a name where the amount is that of a named one (the till's exception
    beside its receipt). The carry stays.
    """
    for known in receipt["returns"]:
        same = known["name"] == name and name is not None
        if same or (known["amount"] == amount and (known["name"] is None) != (name is None)):
            known["name"] = known["name"] or name
            return 0
    receipt["returns"].append({"name": name, "amount": amount})
    receipt["returned"] = min(receipt["net"], receipt["returned"] + amount)
    due: int = receipt["points"] * receipt["returned"] // receipt["net"] if receipt["net"] else 0
    taken: int = due - receipt["taken"]
    receipt["taken"] = due
    return taken


def append(ledger: MutableMapping[str, Any], entry: Mapping[str, Any]) -> tuple[int, str]:
    """Add an entry under its number; that number and its hash, which prove the entry to whom they are given."""
    head = ledger.get(HEAD) or {"entries": 0, "hash": FIRST}
    number, proof = head["entries"] + 1, entry_hash(head["hash"], entry)
    ledger[f"{ENTRY}{number}"] = {"entry": dict(entry), "hash": proof}
    ledger[HEAD] = {"entries": number, "hash": proof}
    return number, proof


def first_broken(ledger: Mapping[str, Any], shown: Mapping[int, str]) -> int | None:
    """The number of the first entry that is missing, does not follow from the ones before it, or is not what was `shown` (hash by number).

    Hashes in the hands of members speak against a ledger that was written anew as a whole, which its own chain cannot.
    """
    previous = FIRST
    head = ledger.get(HEAD) or {"entries": 0}
    for number in range(1, max([head["entries"], *shown]) + 1):
        link = ledger.get(f"{ENTRY}{number}")
        if link is None or entry_hash(previous, link["entry"]) != link["hash"] or shown.get(number, link["hash"]) != link["hash"]:
            return number
        previous = link["hash"]
    return None
