"""One step of training layer by layer: what the Trainer's plans are compared with."""


def layerwise_step(net, loss, optimizer, X, y, seed=0, step=0):
    """Forward, loss, backward, update, each on its own; the masks are those of (seed, epoch 0, step)."""
    z = net._core.forward(X, True, seed, step)
    value, dz = loss(z, y)
    net.zero_grad()
    net.backward(dz)
    optimizer.step(net)
    return value
