"""Prints the peak memory, in MiB, of a process that classifies images; argument: how many."""

import resource
import sys

import numpy as np

import nncore as nc

net = nc.mnist_cnn(seed=0, input=nc.Normalize(0.0, 255.0))
X = np.zeros((int(sys.argv[1]), 1, 28, 28), np.uint8)
trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD())
for ask in (net, net.predict, net.predict_proba, lambda x: trainer.evaluate(x, np.zeros(len(x), int))):
    ask(X)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
