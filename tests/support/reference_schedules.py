"""Reference implementations of the schedules: rate(args, i), i from 0."""

import math

from support.reference import reference


@reference("schedule", "StepLR")
def step_lr(a, i):
    return a.lr * a.gamma ** (i // a.step_size)


@reference("schedule", "ExponentialLR")
def exponential_lr(a, i):
    return a.lr * a.gamma**i


@reference("schedule", "MultiStepLR")
def multi_step_lr(a, i):
    return a.lr * a.gamma ** sum(m <= i for m in a.milestones)


@reference("schedule", "CosineAnnealingLR")
def cosine_annealing_lr(a, i):
    return a.eta_min + (a.lr - a.eta_min) * (1 + math.cos(math.pi * i / a.t_max)) / 2


@reference("schedule", "LinearWarmup")
def linear_warmup(a, i):
    """Without a schedule that follows; those are tested by hand."""
    return a.lr * min(i + 1, a.steps) / a.steps


@reference("schedule", "OneCycleLR")
def one_cycle_lr(a, i):
    i, turn, first = min(i, a.total_steps - 1), a.pct_start * a.total_steps - 1, a.max_lr / a.div_factor
    if i <= turn:
        start, end, share = first, a.max_lr, i / turn
    else:
        start, end, share = a.max_lr, first / a.final_div_factor, (i - turn) / (a.total_steps - 1 - turn)
    if a.anneal_strategy == "linear":
        return start + (end - start) * share
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


@reference("schedule", "ReduceLROnPlateau")
def reduce_lr_on_plateau(a, i):
    """Before it has been told anything."""
    return a.lr


@reference("schedule", "Schedule")
def schedule(a, i):
    return a.lr * a.fn(i)
