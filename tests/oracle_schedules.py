"""NumPy twins of the schedules: rate(args, i), i from 0."""

from twins import twin


@twin("schedule", "StepLR")
def step_lr(a, i):
    return a.lr * a.gamma ** (i // a.step_size)


@twin("schedule", "ExponentialLR")
def exponential_lr(a, i):
    return a.lr * a.gamma**i
