"""A thing seen in several frames is what most of them say: votes over the last frames, and the rankings behind them."""

from collections import Counter
from collections.abc import Iterable, Sequence

Candidates = Sequence[tuple[str, float]]


def cast_vote(votes: list[str | None], choice: str | None, frames: int) -> None:
    """Add one frame's vote, None where it is too unsure; the last `frames` count."""
    votes.append(choice)
    del votes[: max(0, len(votes) - frames)]


def winner(votes: Iterable[str | None], agree: int) -> str | None:
    """The choice with at least `agree` votes and more than any other; None where there is none."""
    counts = Counter(vote for vote in votes if vote is not None).most_common(2)
    if not counts or counts[0][1] < agree or (len(counts) > 1 and counts[1][1] == counts[0][1]):
        return None
    return counts[0][0]


def best_of(rankings: Iterable[Candidates]) -> list[tuple[str, float]]:
    """Several rankings of one kind of goods as one: each candidate with its best score, best first."""
    best: dict[str, float] = {}
    for ranking in rankings:
        for gtin, score in ranking:
            best[gtin] = max(score, best.get(gtin, 0.0))
    return sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
