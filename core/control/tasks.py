"""What every server does by itself."""

from storeloom.core.control.reports import retention, so_far, sums
from storeloom.core.control.rollout import ticker as rollouts
from storeloom.core.control.ticker import Task
from storeloom.core.control.trust.upkeep import sign_anew

TASKS: tuple[Task, ...] = (
    Task("roll-outs", rollouts.EVERY_S, rollouts.tick),
    Task("releases", 5.0, lambda services: services.releaser.tend()),
    Task("trust", 300.0, sign_anew),
    Task("sums", sums.EVERY_S, sums.tick),
    Task("same hours", sums.EVERY_S, so_far.tick),
    Task("retention", retention.EVERY_S, retention.tick),
)
